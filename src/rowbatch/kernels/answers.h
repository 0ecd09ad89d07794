// Answers as cells: how one lies in the memory.
#ifndef ROWBATCH_ANSWERS_H
#define ROWBATCH_ANSWERS_H

#include "kernels.h"

// What stands before the cells of an answer: the number of its row, the bytes of the cells of its fields, each with a
// separator behind it, and the bytes of its other cells. Then comes the next one at a multiple of four.
typedef struct {
  uint32_t number, fields, others;
} Head;

// In `fields`: all cells are in one piece, with all separators.
#define WHOLE 0x80000000u

static inline uint32_t size_of(const Head *head) {
  return (sizeof(Head) + (head->fields & ~WHOLE) + head->others + 3) & ~3u;
}

#endif
