// Tell whether bytes are text.
#include "kernels.h"

// What can be wrong about a byte and the one before it, one bit each. By the first half of the one before, its second
// half and the first half of the byte itself a table says what may be wrong; what all three say is.
//
// Source: J. Keiser, D. Lemire, Validating UTF-8 In Less Than One Instruction Per Byte, Software: Practice and
// Experience 51 (2021); the rules are those of RFC 3629.
enum {
  SHORT = 1,         // a first byte without a later one behind it
  LONG = 2,          // a later byte without a first one
  OVERLONG_3 = 4,    // E0 80 to E0 9F
  LARGE = 8,         // F4 90 and more
  SURROGATE = 16,    // ED A0 to ED BF
  OVERLONG_2 = 32,   // C0 and C1
  LARGE_OR_4 = 64,   // F5 and more; F0 80 to F0 8F
  LATER_TWICE = 128  // two later bytes, which is right in characters of three and four
};

#define CARRY (SHORT | LONG | LATER_TWICE)
#define BIG (CARRY | LARGE | LARGE_OR_4)
#define LATER (LONG | OVERLONG_2 | LATER_TWICE)

typedef struct {
  v128_t wrong, before;
  uint32_t was_high;
} State;

static inline void look(State *state, v128_t text) {
  const v128_t by_first_half = wasm_u8x16_make(
      LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, LATER_TWICE, LATER_TWICE, LATER_TWICE, LATER_TWICE,
      SHORT | OVERLONG_2, SHORT, SHORT | OVERLONG_3 | SURROGATE, SHORT | LARGE | LARGE_OR_4);
  const v128_t by_second_half = wasm_u8x16_make(
      CARRY | OVERLONG_3 | OVERLONG_2 | LARGE_OR_4, CARRY | OVERLONG_2, CARRY, CARRY, CARRY | LARGE, BIG, BIG, BIG,
      BIG, BIG, BIG, BIG, BIG, BIG | SURROGATE, BIG, BIG);
  const v128_t by_next = wasm_u8x16_make(
      SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, LATER | OVERLONG_3 | LARGE_OR_4,
      LATER | OVERLONG_3 | LARGE, LATER | SURROGATE | LARGE, LATER | SURROGATE | LARGE, SHORT, SHORT, SHORT, SHORT);
  state->wrong = wasm_v128_or(state->wrong, wasm_i8x16_eq(text, wasm_i8x16_splat(0)));
  uint32_t high = wasm_i8x16_bitmask(text);
  // The last three bytes before may want some of these.
  if (high | (state->was_high & 0xE000)) {
    v128_t b = state->before;
    v128_t one = wasm_i8x16_shuffle(b, text, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30);
    v128_t two = wasm_i8x16_shuffle(b, text, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29);
    v128_t three = wasm_i8x16_shuffle(b, text, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28);
    v128_t found = wasm_i8x16_swizzle(by_first_half, wasm_u8x16_shr(one, 4));
    found = wasm_v128_and(
        found, wasm_i8x16_swizzle(by_second_half, wasm_v128_and(one, wasm_i8x16_splat(15))));
    found = wasm_v128_and(found, wasm_i8x16_swizzle(by_next, wasm_u8x16_shr(text, 4)));
    v128_t wanted = wasm_v128_or(
        wasm_u8x16_sub_sat(two, wasm_u8x16_splat(0xE0 - 0x80)), wasm_u8x16_sub_sat(three, wasm_u8x16_splat(0xF0 - 0x80)));
    wanted = wasm_v128_and(wanted, wasm_u8x16_splat(0x80));
    state->wrong = wasm_v128_or(state->wrong, wasm_v128_xor(wanted, found));
  }
  state->before = text;
  state->was_high = high;
}

// Whether bytes are UTF-8 without NUL.
EXPORT("is_text") uint32_t is_text(const byte *text, uint32_t size) {
  State state = {wasm_i8x16_splat(0), wasm_i8x16_splat(' '), 0};
  uint32_t at = 0;
  for (; at + 16 <= size; at += 16) look(&state, wasm_v128_load(text + at));
  // A character that is cut off at the end has a space in it.
  byte last[16];
  for (uint32_t k = 0; k < 16; k++) last[k] = at + k < size ? text[at + k] : ' ';
  look(&state, wasm_v128_load(last));
  return !wasm_v128_any_true(state.wrong);
}
