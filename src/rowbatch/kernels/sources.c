// Of which sources this is: a digest that a test compares.
#include "kernels.h"

__attribute__((used, section("sources"))) static const char sources[] = SOURCES;

extern byte __heap_base;

// Where the memory begins that no kernel uses by itself.
EXPORT("first_free") uint32_t first_free(void) { return (uint32_t)(uintptr_t)&__heap_base; }

// Keeps the digest from being dropped.
EXPORT("sources") uint32_t sources_at(void) { return (uint32_t)(uintptr_t)sources; }
