// Write the rows of a CSV file.
#include "kernels.h"

typedef struct {
  uint32_t records, size;
} Rows;

// Write a row for each record, of cells in which no quotes are doubled. Stops before a row that may not fit into
// `room` bytes.
EXPORT("write_rows")
void write_rows(const byte *text, const Cell *cells, uint32_t width, uint32_t records, uint32_t separator,
                uint32_t quotes_all, byte *out, uint32_t room, Rows *rows) {
  byte *to = out;
  uint32_t record = 0;
  for (; record < records; record++, cells += width) {
    uint64_t most = 4 * (uint64_t)width + BEYOND;
    for (uint32_t k = 0; k < width; k++) most += 2 * (uint64_t)(cells[k].end - cells[k].start);
    if (most > room - (uint32_t)(to - out)) break;
    for (uint32_t k = 0; k < width; k++) {
      const byte *at = text + cells[k].start, *end = text + cells[k].end;
      to = quotes_all ? write_quoted(to, at, end, false) : write_cell(to, at, end, (byte)separator, false);
      *to++ = (byte)separator;
    }
    to[-1] = '\n';
  }
  rows->records = record;
  rows->size = (uint32_t)(to - out);
}
