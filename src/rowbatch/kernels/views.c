// Texts of Arrow that are views (`Utf8View`).
// Source: https://arrow.apache.org/docs/format/Columnar.html#variable-size-binary-view-layout
#include "kernels.h"

// Up to twelve bytes stand in the view itself; of longer ones it says which buffer, and where in it.
typedef struct {
  uint32_t size;
  union {
    byte text[12];
    struct {
      byte first[4];
      uint32_t buffer, offset;
    };
  };
} View;

#define WITHIN 12

// Which part of each buffer is in use: `begins` and `ends`, of which all begin as the most and the least there is.
// Returns the bytes of all texts that do not stand in their views.
EXPORT("find_parts")
uint64_t find_parts(const View *views, uint32_t count, uint32_t *begins, uint32_t *ends) {
  uint64_t all = 0;
  for (const View *view = views; view < views + count; view++) {
    if (view->size <= WITHIN) continue;
    uint32_t begin = view->offset, end = view->offset + view->size;
    if (begin < begins[view->buffer]) begins[view->buffer] = begin;
    if (end > ends[view->buffer]) ends[view->buffer] = end;
    all += view->size;
  }
  return all;
}

// The cells of one column of records of `width` cells; `bases` are where offset 0 of each buffer would lie.
// They are cells of a text that begins at address 0.
EXPORT("cells_of_views")
void cells_of_views(const View *views, uint32_t count, const uint32_t *bases, Cell *cells, uint32_t width) {
  for (const View *view = views; view < views + count; view++, cells += width) {
    uint32_t start = view->size <= WITHIN ? (uint32_t)(uintptr_t)view->text : bases[view->buffer] + view->offset;
    cells->start = start;
    cells->end = start + view->size;
  }
}
