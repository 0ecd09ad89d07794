// Write request lines.
#include "kernels.h"

// A part of a line: a text that is the same in each, the cell of a column, or the number of the row.
typedef struct {
  uint32_t kind, at, size;
} Part;

enum { CONSTANT, CELL, NUMBER };

static byte *escape(byte *out, byte value) {
  static const char hex[] = "0123456789abcdef";
  *out++ = '\\';
  switch (value) {
    case '\n': *out++ = 'n'; return out;
    case '\r': *out++ = 'r'; return out;
    case '\t': *out++ = 't'; return out;
    case '\b': *out++ = 'b'; return out;
    case '\f': *out++ = 'f'; return out;
    case '"': case '\\': *out++ = value; return out;
    default: break;
  }
  *out++ = 'u';
  *out++ = '0';
  *out++ = '0';
  *out++ = (byte)hex[value >> 4];
  *out++ = (byte)hex[value & 15];
  return out;
}

static byte *spelt(byte *out, const char *text) {
  while (*text) *out++ = (byte)*text++;
  return out;
}

// A text as it stands in a string of JSON. U+0085, U+2028 and U+2029 are escaped too: programs that cut at line
// ends cut there. Up to fifteen bytes more are written than it has; at most six bytes become of one.
static byte *json_text(byte *out, const byte *at, const byte *end, bool is_doubled) {
  const v128_t space = wasm_i8x16_splat(' '), quote = wasm_i8x16_splat('"'), back = wasm_i8x16_splat('\\');
  const v128_t two = wasm_i8x16_splat((int8_t)0xC2), three = wasm_i8x16_splat((int8_t)0xE2);
  while (at < end) {
    v128_t text = wasm_v128_load(at);
    wasm_v128_store(out, text);
    v128_t odd = wasm_v128_or(
        wasm_v128_or(wasm_u8x16_lt(text, space), wasm_i8x16_eq(text, quote)),
        wasm_v128_or(wasm_i8x16_eq(text, back), wasm_v128_or(wasm_i8x16_eq(text, two), wasm_i8x16_eq(text, three))));
    uint32_t hits = wasm_i8x16_bitmask(odd);
    uint32_t plain = hits ? (uint32_t)__builtin_ctz(hits) : 16;
    if (plain >= (uint32_t)(end - at)) return out + (end - at);
    at += plain;
    out += plain;
    if (!hits) continue;
    byte value = *at;
    if (value == 0xC2) {
      if (at[1] == 0x85) {
        out = spelt(out, "\\u0085");
      } else {
        *out++ = value;
        *out++ = at[1];
      }
      at += 2;
    } else if (value == 0xE2) {
      if (at[1] == 0x80 && (at[2] & 0xFE) == 0xA8) {
        out = spelt(out, at[2] == 0xA8 ? "\\u2028" : "\\u2029");
      } else {
        *out++ = value;
        *out++ = at[1];
        *out++ = at[2];
      }
      at += 3;
    } else {
      out = escape(out, value);
      at += value == '"' && is_doubled ? 2 : 1;
    }
  }
  return out;
}

// How many lines, of how many records, and their bytes.
typedef struct {
  uint32_t records, lines, size;
} Written;

// Write a line for each record that is not left out. The texts are UTF-8.
//
// `sizes` gets the bytes of each line. Stops before a line that may not fit into `room` bytes.
EXPORT("write_requests")
void write_requests(const byte *text, const Cell *cells, uint32_t width, uint32_t records, const byte *left_out,
                    uint64_t first_row, const Part *parts, uint32_t count, byte *out, uint32_t room, uint32_t *sizes,
                    Written *written) {
  byte *at = out;
  uint32_t lines = 0, record = 0;
  for (; record < records; record++, cells += width) {
    if (left_out[record]) continue;
    uint64_t most = 0;
    for (uint32_t k = 0; k < count; k++) {
      const Part *part = parts + k;
      most += part->kind == CONSTANT ? part->size
              : part->kind == CELL   ? 6 * (uint64_t)(end_of(cells[part->at]) - cells[part->at].start)
                                     : 20;
    }
    if (most + BEYOND > room - (uint32_t)(at - out)) break;
    byte *begin = at;
    for (uint32_t k = 0; k < count; k++) {
      const Part *part = parts + k;
      if (part->kind == CONSTANT) {
        at = copy(at, (const byte *)part->at, part->size);
      } else if (part->kind == CELL) {
        Cell cell = cells[part->at];
        at = json_text(at, text + cell.start, text + end_of(cell), cell.end & DOUBLED);
      } else {
        at = decimals(at, first_row + record);
      }
    }
    sizes[lines++] = (uint32_t)(at - begin);
  }
  written->records = record;
  written->lines = lines;
  written->size = (uint32_t)(at - out);
}
