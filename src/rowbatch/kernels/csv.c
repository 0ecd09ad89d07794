// Find the cells of plain CSV.
#include "kernels.h"

// What is found of a text: how much of it, and whether it ends there because something is not plain.
typedef struct {
  uint32_t records;   // that are whole
  uint32_t size;      // bytes of these
  uint32_t is_plain;  // 0: what follows is for the careful reader
  uint32_t line_end;  // in and out: 0 not known yet, 1 "\n", 2 "\r\n"
} Found;

// The end of a cell without quotes: a delimiter, a line end, or a quote, which does not belong there.
static uint32_t next_mark(const byte *text, uint32_t at, uint32_t size, byte delimiter) {
  const v128_t quote = wasm_i8x16_splat('"'), comma = wasm_i8x16_splat((int8_t)delimiter);
  const v128_t feed = wasm_i8x16_splat('\n'), back = wasm_i8x16_splat('\r');
  while (at < size) {
    v128_t text16 = wasm_v128_load(text + at);
    v128_t marks = wasm_v128_or(
        wasm_v128_or(wasm_i8x16_eq(text16, quote), wasm_i8x16_eq(text16, comma)),
        wasm_v128_or(wasm_i8x16_eq(text16, feed), wasm_i8x16_eq(text16, back)));
    uint32_t hits = wasm_i8x16_bitmask(marks);
    if (hits) {
      at += (uint32_t)__builtin_ctz(hits);
      break;
    }
    at += 16;
  }
  return at < size ? at : size;
}

// Cut a text into records of `width` cells, as RFC 4180 has it: a quote opens at the begin of a cell, closes at
// its end, and is doubled in between; what is outside of quotes holds no quote, delimiter or line end; all line
// ends are of one kind. Such a text can be cut in one way only.
//
// `cells` gets `width` cells for each record, of at most `most` records. Stops before a record that has no end.
EXPORT("find_cells")
void find_cells(const byte *text, uint32_t size, uint32_t delimiter, uint32_t width, Cell *cells, uint32_t most,
                Found *found) {
  uint32_t at = 0, column = 0, line_end = found->line_end;
  Cell *cell = cells;
  found->records = found->size = 0;
  found->is_plain = 1;
  while (at < size && found->records < most) {
    if (text[at] == '"') {
      uint32_t doubled = 0;
      cell->start = ++at;
      for (;;) {
        at = (uint32_t)(find_byte(text + at, text + size, '"') - text);
        // A quote at the very end may be the first of two.
        if (at + 1 >= size) return;
        if (text[at + 1] != '"') break;
        doubled = DOUBLED;
        at += 2;
      }
      cell->end = at | doubled;
      at++;
    } else {
      cell->start = at;
      at = next_mark(text, at, size, (byte)delimiter);
      if (at == size) return;
      cell->end = at;
    }
    cell++;
    column++;
    byte mark = text[at++];
    if (mark == delimiter && column < width) continue;
    uint32_t kind = 1;
    if (mark == '\r') {
      if (at == size) return;
      mark = text[at++];
      kind = 2;
    }
    if (mark != '\n' || column != width || (line_end && line_end != kind)) {
      found->is_plain = 0;
      return;
    }
    line_end = found->line_end = kind;
    found->records++;
    found->size = at;
    column = 0;
  }
}

// Bytes of the white space that a text begins with, or 0. As Unicode has it (White_Space), and Rust's `trim`.
static uint32_t white(const byte *text, uint32_t left) {
  byte first = text[0];
  if (first == ' ' || (first >= '\t' && first <= '\r')) return 1;
  if (left >= 2 && first == 0xC2 && (text[1] == 0x85 || text[1] == 0xA0)) return 2;
  if (left < 3) return 0;
  uint32_t three = (uint32_t)first << 16 | (uint32_t)text[1] << 8 | text[2];
  bool is_white = three == 0xE19A80 || (three >= 0xE28080 && three <= 0xE2808A) || three == 0xE280A8 ||
                  three == 0xE280A9 || three == 0xE280AF || three == 0xE2819F || three == 0xE38080;
  return is_white ? 3 : 0;
}

static bool is_blank(const byte *text, Cell cell) {
  uint32_t at = cell.start, end = end_of(cell);
  while (at < end) {
    uint32_t size = white(text + at, end - at);
    if (!size) return false;
    at += size;
  }
  return true;
}

// Say of each record whether all of some columns are blank; returns of how many.
EXPORT("find_blank")
uint32_t find_blank(const byte *text, const Cell *cells, uint32_t width, uint32_t records, const uint32_t *columns,
                    uint32_t count, byte *blank) {
  uint32_t found = 0;
  for (uint32_t record = 0; record < records; record++, cells += width) {
    bool is_all = count > 0;
    for (uint32_t k = 0; k < count && is_all; k++) is_all = is_blank(text, cells[columns[k]]);
    blank[record] = is_all;
    found += is_all;
  }
  return found;
}

static bool holds(const byte *text, Cell cell, const byte *value, uint32_t size) {
  if (end_of(cell) - cell.start < size) return false;
  const byte *at = text + cell.start, *end = text + end_of(cell);
  for (uint32_t k = 0; k < size; k++) {
    if (at >= end || *at != value[k]) return false;
    at += *at == '"' && (cell.end & DOUBLED) ? 2 : 1;
  }
  return at == end;
}

// The first record whose cells are these values, or `records`. `values` are `width` sizes, then the texts.
EXPORT("find_record")
uint32_t find_record(const byte *text, const Cell *cells, uint32_t width, uint32_t records, const uint32_t *sizes,
                     const byte *values) {
  for (uint32_t record = 0; record < records; record++, cells += width) {
    const byte *value = values;
    uint32_t column = 0;
    while (column < width && holds(text, cells[column], value, sizes[column])) value += sizes[column++];
    if (column == width) return record;
  }
  return records;
}
