// Put the cells of answers beside the cells of a table.
#include "answers.h"

// Take the answers whose numbers are from `first` to before `stop`; returns their bytes.
EXPORT("take_answers")
uint32_t take_answers(const byte *from, uint32_t size, uint32_t first, uint32_t stop, byte *out) {
  byte *to = out;
  for (const byte *at = from; at < from + size; at += size_of((const Head *)at)) {
    const Head *head = (const Head *)at;
    if (head->number < first || head->number >= stop) continue;
    copy(to, at, size_of(head));
    to += size_of(head);
  }
  return (uint32_t)(to - out);
}

typedef struct {
  uint32_t repeated, differing, of_others;
} Placed;

// Note where the answer of each number lies: `places` has an address for each number from `first` on, 0 for none.
// The first one for a number stays; of those that come later it is counted how many have another content. Two that
// are both whole, or one that is beside one that is not, are not compared, but counted as `of_others`.
EXPORT("place_answers")
void place_answers(const byte *from, uint32_t size, uint32_t first, uint32_t *places, Placed *found) {
  *found = (Placed){0};
  for (const byte *at = from; at < from + size; at += size_of((const Head *)at)) {
    const Head *head = (const Head *)at;
    uint32_t *place = places + (head->number - first);
    if (!*place) {
      *place = (uint32_t)(uintptr_t)at;
      continue;
    }
    const Head *kept = (const Head *)(uintptr_t)*place;
    if ((head->fields | kept->fields) & WHOLE) {
      found->of_others++;
      continue;
    }
    found->repeated++;
    const byte *mine = at + sizeof(Head) + head->fields, *other = (const byte *)kept + sizeof(Head) + kept->fields;
    bool is_same = head->others == kept->others;
    for (uint32_t k = 0; is_same && k < head->others; k++) is_same = mine[k] == other[k];
    found->differing += !is_same;
  }
}

typedef struct {
  uint32_t records, size, missing;
} Joined;

// How the rows are written.
typedef struct {
  uint32_t separator;
  uint32_t is_alike;               // the table has the same separator: what has no quotes needs none
  uint32_t commas;                 // separators between the cells of the fields and the others
  uint32_t missing, missing_size;  // cells of a row without an answer
} Form;

// The most bytes that the cells of a record take, and what stands around them.
static inline uint64_t most_of_record(const Cell *cells, uint32_t width) {
  return 2 * (uint64_t)(end_of(cells[width - 1]) - cells[0].start) + 3 * (uint64_t)width + BEYOND + 8;
}

// Write the cells of a record, a separator behind each.
static inline byte *write_record(byte *to, const byte *text, const Cell *cells, uint32_t width, byte separator,
                                 bool is_alike) {
  for (uint32_t k = 0; k < width; k++) {
    Cell cell = cells[k];
    const byte *at = text + cell.start, *end = text + end_of(cell);
    bool is_bare = is_alike && (cell.start == 0 || at[-1] != '"');
    to = is_bare ? copy(to, at, (size_t)(end - at)) : write_cell(to, at, end, separator, cell.end & DOUBLED);
    *to++ = separator;
  }
  return to;
}

// Write a row for each record, with its answer; `places` is that of the first record. Stops before a row that may
// not fit into `room` bytes.
EXPORT("join_rows")
void join_rows(const byte *text, const Cell *cells, uint32_t width, uint32_t records, const uint32_t *places,
               const Form *form, byte *out, uint32_t room, Joined *joined) {
  byte *to = out, separator = (byte)form->separator;
  uint32_t record = 0, missing = 0;
  for (; record < records; record++, cells += width) {
    const Head *head = (const Head *)(uintptr_t)places[record];
    uint64_t most = most_of_record(cells, width) + (head ? size_of(head) + form->commas : form->missing_size);
    if (most > room - (uint32_t)(to - out)) break;
    to = write_record(to, text, cells, width, separator, form->is_alike);
    if (!head) {
      to = copy(to, (const byte *)(uintptr_t)form->missing, form->missing_size);
      missing++;
    } else {
      const byte *at = (const byte *)head + sizeof(Head);
      uint32_t fields = head->fields & ~WHOLE;
      to = copy(to, at, fields);
      if (!(head->fields & WHOLE))
        for (uint32_t k = 0; k < form->commas; k++) *to++ = separator;
      to = copy(to, at + fields, head->others);
    }
    *to++ = '\n';
  }
  joined->records = record;
  joined->size = (uint32_t)(to - out);
  joined->missing = missing;
}

// Where a line of CSV ends: at a line feed that is not between quotes; or `stop`.
static const byte *end_of_line(const byte *at, const byte *stop) {
  const v128_t quote = wasm_i8x16_splat('"'), feed = wasm_i8x16_splat('\n');
  uint32_t inside = 0;  // all ones between quotes
  for (; at < stop; at += 16) {
    v128_t text = wasm_v128_load(at);
    uint32_t between = wasm_i8x16_bitmask(wasm_i8x16_eq(text, quote));
    // Each bit becomes the parity of the quotes up to it.
    between ^= between << 1;
    between ^= between << 2;
    between ^= between << 4;
    between ^= between << 8;
    between = (between ^ inside) & 0xFFFF;
    uint32_t hits = wasm_i8x16_bitmask(wasm_i8x16_eq(text, feed)) & ~between;
    if (hits) {
      at += (uint32_t)__builtin_ctz(hits);
      break;
    }
    inside = between >> 15 ? 0xFFFF : 0;
  }
  return at < stop ? at : stop;
}

typedef struct {
  uint32_t records, size, taken;
} Continued;

// Write a row for each record, with the next of some lines of CSV behind its cells. Stops before a row that may not
// fit into `room` bytes, or has no line. `taken` are the bytes of the lines.
EXPORT("join_lines")
void join_lines(const byte *text, const Cell *cells, uint32_t width, uint32_t records, const byte *lines, uint32_t size,
                uint32_t separator, uint32_t is_alike, byte *out, uint32_t room, Continued *found) {
  byte *to = out;
  const byte *line = lines, *stop = lines + size;
  uint32_t record = 0;
  for (; record < records && line < stop; record++, cells += width) {
    const byte *end = end_of_line(line, stop);
    if (end == stop) break;
    size_t length = (size_t)(end + 1 - line);
    if (most_of_record(cells, width) + length > room - (uint32_t)(to - out)) break;
    to = write_record(to, text, cells, width, (byte)separator, is_alike);
    to = copy(to, line, length);
    line = end + 1;
  }
  found->records = record;
  found->size = (uint32_t)(to - out);
  found->taken = (uint32_t)(line - lines);
}

// Put the cells of one column behind each other, a NUL after each, quotes as they are meant; returns the bytes.
EXPORT("take_column")
uint32_t take_column(const byte *text, const Cell *cells, uint32_t width, uint32_t records, uint32_t column, byte *out) {
  byte *to = out;
  for (uint32_t record = 0; record < records; record++, cells += width) {
    Cell cell = cells[column];
    const byte *at = text + cell.start, *end = text + end_of(cell);
    if (!(cell.end & DOUBLED)) {
      to = copy(to, at, (size_t)(end - at));
    } else {
      while (at < end) {
        *to++ = *at;
        at += *at == '"' ? 2 : 1;
      }
    }
    *to++ = 0;
  }
  return (uint32_t)(to - out);
}
