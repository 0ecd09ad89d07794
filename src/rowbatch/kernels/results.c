// Read the lines of result files that are plain answers, and write the cells that they become.
#include "answers.h"

// JSON, strictly (RFC 8259), and less than that: whatever two readers may take differently is refused. A text ends
// with a NUL, which stands nowhere in JSON, so that nothing is read beyond it.

#define MOST_DEPTH 16
#define MOST_FIELDS 32
// No integer or fraction beyond these digits, and no exponent, leaves what every reader can hold.
#define MOST_DIGITS 15

typedef struct {
  const byte *at, *end;
  bool has_escape;
} Text;

static const byte *skip_blanks(const byte *at) {
  while (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t') at++;
  return at;
}

static int32_t hex4(const byte *at) {
  int32_t value = 0;
  for (int k = 0; k < 4; k++) {
    byte digit = at[k], letter = digit | 0x20;
    if (digit >= '0' && digit <= '9') value = value << 4 | (digit - '0');
    else if (letter >= 'a' && letter <= 'f') value = value << 4 | (letter - 'a' + 10);
    else return -1;
  }
  return value;
}

// The character of `\uXXXX`, or of two of them; `at` is behind the first `u` and moves behind it all. Half a pair is
// refused: -1.
static int32_t escaped_character(const byte **at) {
  int32_t value = hex4(*at);
  if (value < 0) return -1;
  *at += 4;
  if (value < 0xD800 || value > 0xDFFF) return value;
  if (value > 0xDBFF || (*at)[0] != '\\' || (*at)[1] != 'u') return -1;
  int32_t low = hex4(*at + 2);
  if (low < 0xDC00 || low > 0xDFFF) return -1;
  *at += 6;
  return 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00);
}

// Behind the closing quote of a string; `at` is behind the opening one. NULL where it is none.
static const byte *read_string(const byte *at, Text *found) {
  const v128_t space = wasm_i8x16_splat(' '), quote = wasm_i8x16_splat('"'), back = wasm_i8x16_splat('\\');
  found->at = at;
  found->has_escape = false;
  for (;;) {
    v128_t text = wasm_v128_load(at);
    // As signed numbers, bytes beyond ASCII are less than a space, too.
    uint32_t hits = wasm_i8x16_bitmask(
        wasm_v128_or(wasm_i8x16_lt(text, space), wasm_v128_or(wasm_i8x16_eq(text, quote), wasm_i8x16_eq(text, back))));
    if (!hits) {
      at += 16;
      continue;
    }
    at += (uint32_t)__builtin_ctz(hits);
    byte value = *at;
    if (value == '"') {
      found->end = at;
      return at + 1;
    }
    if (value == '\\') {
      found->has_escape = true;
      at++;
      switch (*at) {
        case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't': at++; break;
        case 'u':
          at++;
          if (escaped_character(&at) < 0) return NULL;
          break;
        default: return NULL;
      }
      continue;
    }
    uint32_t length = utf8_length(at);
    if (value < 0x80 || !length) return NULL;
    at += length;
  }
}

static bool is_digit(byte value) { return value >= '0' && value <= '9'; }

// Behind a number that every reader can hold, or NULL.
static const byte *skip_number(const byte *at) {
  if (*at == '-') at++;
  const byte *begin = at;
  while (is_digit(*at)) at++;
  if (at == begin || at - begin > MOST_DIGITS || (*begin == '0' && at - begin > 1)) return NULL;
  if (*at == '.') {
    begin = ++at;
    while (is_digit(*at)) at++;
    if (at == begin || at - begin > MOST_DIGITS + 5) return NULL;
  }
  if ((*at | 0x20) == 'e') {
    at++;
    if (*at == '+' || *at == '-') at++;
    begin = at;
    while (is_digit(*at)) at++;
    if (at == begin || at - begin > 2) return NULL;
  }
  return at;
}

static bool begins(const byte *at, const char *word, uint32_t size) {
  for (uint32_t k = 0; k < size; k++)
    if (at[k] != (byte)word[k]) return false;
  return true;
}

static const byte *skip_word(const byte *at) {
  if (begins(at, "true", 4) || begins(at, "null", 4)) return at + 4;
  return begins(at, "false", 5) ? at + 5 : NULL;
}

// Where in a line a value stands that may be another one in the next line: a string without its quotes, or a number.
typedef struct {
  uint32_t begin, end, is_string, role;
  bool varies;
} Spot;

// What a spot is to us.
enum { NOTHING, ID, CONTENT, MODEL, PROMPT, COMPLETION, INPUT, OUTPUT };

#define MOST_SPOTS 96
#define LONGEST_PATTERN 8192

// A line that was read, as a pattern for those that come: nearly all lines of a file differ in a few values alone.
typedef struct {
  uint32_t size, spots, misses;
  bool is_noting;  // the line that is read now
  const byte *line;
  Spot spot[MOST_SPOTS];
  byte text[LONGEST_PATTERN + BEYOND];
} Pattern;

static Pattern pattern;

static void note(const byte *begin, const byte *end, bool is_string, uint32_t role) {
  if (!pattern.is_noting || !end) return;
  if (pattern.spots == MOST_SPOTS) {
    pattern.is_noting = false;
    return;
  }
  pattern.spot[pattern.spots++] = (Spot){(uint32_t)(begin - pattern.line), (uint32_t)(end - pattern.line), is_string, role,
                                         role != NOTHING};
}

static const byte *note_string(const byte *begin, const byte *behind, uint32_t role) {
  note(begin, behind ? behind - 1 : NULL, true, role);
  return behind;
}

// Behind a value, or NULL.
static const byte *skip_value(const byte *at, uint32_t depth) {
  Text text;
  if (*at == '"') return note_string(at + 1, read_string(at + 1, &text), NOTHING);
  if (is_digit(*at) || *at == '-') {
    const byte *end = skip_number(at);
    note(at, end, false, NOTHING);
    return end;
  }
  if (*at != '{' && *at != '[') return skip_word(at);
  if (depth == MOST_DEPTH) return NULL;
  bool is_object = *at == '{';
  byte close = is_object ? '}' : ']';
  at = skip_blanks(at + 1);
  if (*at == close) return at + 1;
  for (;;) {
    if (is_object) {
      if (*at != '"' || !(at = read_string(at + 1, &text))) return NULL;
      at = skip_blanks(at);
      if (*at != ':') return NULL;
      at = skip_blanks(at + 1);
    }
    if (!(at = skip_value(at, depth + 1))) return NULL;
    at = skip_blanks(at);
    if (*at == close) return at + 1;
    if (*at != ',') return NULL;
    at = skip_blanks(at + 1);
  }
}

// Go through an object: the next key, with `at` before its value; or NULL with `at` behind the object, or with NULL
// there where it is none. A key with an escape is refused.
typedef struct {
  const byte *at;
  bool is_begun;
} Object;

static Object object_at(const byte *at) {
  return (Object){at && *at == '{' ? skip_blanks(at + 1) : NULL, false};
}

static bool next_key(Object *object, Text *key) {
  const byte *at = object->at;
  if (!at) return false;
  if (object->is_begun || *at == '}') {
    at = skip_blanks(at);
    if (*at == '}') {
      object->at = at + 1;
      return false;
    }
    if (*at != ',') {
      object->at = NULL;
      return false;
    }
    at = skip_blanks(at + 1);
  }
  object->is_begun = true;
  object->at = NULL;
  if (*at != '"' || !(at = read_string(at + 1, key)) || key->has_escape) return false;
  at = skip_blanks(at);
  if (*at != ':') return false;
  object->at = skip_blanks(at + 1);
  return true;
}

static bool is_word(const Text *text, const char *word, uint32_t size) {
  return (uint32_t)(text->end - text->at) == size && begins(text->at, word, size);
}

#define IS(text, word) is_word(text, word, sizeof(word) - 1)

// What is to be read, as Python fills it in.
typedef struct {
  uint32_t prefix, prefix_size;  // of every custom_id, before its number
  uint32_t is_json;              // the answers are objects of these fields
  uint32_t fields;               // how many
  uint32_t names, name_sizes;    // of each: where its name lies, and its bytes
  uint32_t has_model, has_usage; // cells of these are wanted
  uint32_t separator;            // of cells
} Wanted;

typedef struct {
  const byte *begin;
  uint64_t value;
  bool is_there;
} Count;

// What a plain answer says.
typedef struct {
  uint32_t number;
  Text content, model;
  bool has_content, has_model;
  Count counts[4];  // in the order of their roles
} Answer;

static const byte *read_count(const byte *at, Count *count) {
  if (count->begin) return NULL;
  count->begin = at;
  if (begins(at, "null", 4)) return at + 4;
  uint64_t value = 0;
  const byte *begin = at;
  while (is_digit(*at)) value = value * 10 + (*at++ - '0');
  if (at == begin || at - begin > MOST_DIGITS || (*begin == '0' && at - begin > 1)) return NULL;
  // A fraction is no count: what comes next is no comma then.
  count->value = value;
  count->is_there = true;
  return at;
}

static const byte *read_usage(const byte *at, Answer *answer) {
  if (begins(at, "null", 4)) return at + 4;
  Object usage = object_at(at);
  Text key;
  while (next_key(&usage, &key)) {
    uint32_t role = IS(&key, "prompt_tokens")       ? PROMPT
                    : IS(&key, "completion_tokens") ? COMPLETION
                    : IS(&key, "input_tokens")      ? INPUT
                    : IS(&key, "output_tokens")     ? OUTPUT
                                                    : NOTHING;
    Count *count = role ? answer->counts + (role - PROMPT) : NULL;
    const byte *begin = usage.at;
    usage.at = count ? read_count(begin, count) : skip_value(begin, 4);
    if (count && count->is_there) note(begin, usage.at, false, role);
  }
  return usage.at;
}

static const byte *read_message(const byte *at, Answer *answer) {
  Object message = object_at(at);
  Text key;
  while (next_key(&message, &key)) {
    if (IS(&key, "content")) {
      if (answer->has_content || *message.at != '"') return NULL;
      message.at = note_string(message.at + 1, read_string(message.at + 1, &answer->content), CONTENT);
      answer->has_content = true;
    } else if (IS(&key, "refusal")) {
      message.at = begins(message.at, "null", 4) ? message.at + 4 : NULL;
    } else {
      message.at = skip_value(message.at, 6);
    }
  }
  return message.at;
}

// The one choice of a list.
static const byte *read_choices(const byte *at, Answer *answer) {
  if (*at != '[') return NULL;
  Object choice = object_at(skip_blanks(at + 1));
  Text key, word;
  bool has_end = false, has_message = false;
  while (next_key(&choice, &key)) {
    if (IS(&key, "message")) {
      if (has_message) return NULL;
      choice.at = read_message(choice.at, answer);
      has_message = true;
    } else if (IS(&key, "finish_reason")) {
      if (has_end || *choice.at != '"') return NULL;
      choice.at = read_string(choice.at + 1, &word);
      if (!choice.at || word.has_escape || !IS(&word, "stop")) return NULL;
      has_end = true;
    } else {
      choice.at = skip_value(choice.at, 5);
    }
  }
  if (!choice.at || !has_end || !has_message) return NULL;
  at = skip_blanks(choice.at);
  return *at == ']' ? at + 1 : NULL;
}

// The parts of a message of `/v1/responses`: one, which is text.
static const byte *read_parts(const byte *at, Answer *answer) {
  if (*at != '[') return NULL;
  Object part = object_at(skip_blanks(at + 1));
  Text key, word;
  bool has_type = false;
  while (next_key(&part, &key)) {
    if (IS(&key, "text")) {
      if (answer->has_content || *part.at != '"') return NULL;
      part.at = note_string(part.at + 1, read_string(part.at + 1, &answer->content), CONTENT);
      answer->has_content = true;
    } else if (IS(&key, "type")) {
      if (has_type || *part.at != '"') return NULL;
      part.at = read_string(part.at + 1, &word);
      if (!part.at || word.has_escape || !IS(&word, "output_text")) return NULL;
      has_type = true;
    } else if (IS(&key, "refusal") || IS(&key, "thought")) {
      return NULL;
    } else {
      part.at = skip_value(part.at, 8);
    }
  }
  if (!part.at || !has_type) return NULL;
  at = skip_blanks(part.at);
  return *at == ']' ? at + 1 : NULL;
}

// An item of the output of `/v1/responses`: the one message, or what is none and no call. Its type stands first.
static const byte *read_item(const byte *at, Answer *answer) {
  Object item = object_at(at);
  Text key, type, phase;
  bool has_type = false, is_message = false, has_parts = false;
  while (next_key(&item, &key)) {
    if (IS(&key, "type")) {
      if (has_type || *item.at != '"') return NULL;
      item.at = read_string(item.at + 1, &type);
      if (!item.at || type.has_escape || IS(&type, "function_call")) return NULL;
      has_type = true;
      is_message = IS(&type, "message");
      if (is_message && answer->has_content) return NULL;
    } else if (IS(&key, "content")) {
      if (!has_type) return NULL;
      if (is_message && has_parts) return NULL;
      item.at = is_message ? read_parts(item.at, answer) : skip_value(item.at, 6);
      has_parts = true;
    } else if (IS(&key, "phase") && !begins(item.at, "null", 4)) {
      if (*item.at != '"') return NULL;
      item.at = read_string(item.at + 1, &phase);
      if (!item.at || phase.has_escape || !IS(&phase, "final_answer")) return NULL;
    } else {
      item.at = skip_value(item.at, 6);
    }
  }
  return has_type && (!is_message || has_parts) ? item.at : NULL;
}

static const byte *read_output(const byte *at, Answer *answer) {
  if (*at != '[') return NULL;
  at = skip_blanks(at + 1);
  for (;;) {
    if (!(at = read_item(at, answer))) return NULL;
    at = skip_blanks(at);
    if (*at == ']') return at + 1;
    if (*at != ',') return NULL;
    at = skip_blanks(at + 1);
  }
}

static const byte *read_body(const byte *at, Answer *answer) {
  Object body = object_at(at);
  Text key, status;
  bool has_choices = false, has_usage = false, has_model = false, has_output = false, is_completed = true;
  while (next_key(&body, &key)) {
    if (IS(&key, "choices")) {
      if (has_choices) return NULL;
      body.at = read_choices(body.at, answer);
      has_choices = true;
    } else if (IS(&key, "output")) {
      if (has_output) return NULL;
      body.at = read_output(body.at, answer);
      has_output = true;
    } else if (IS(&key, "status") && *body.at == '"') {
      body.at = read_string(body.at + 1, &status);
      is_completed = is_completed && body.at && !status.has_escape && IS(&status, "completed");
    } else if (IS(&key, "status")) {
      is_completed = false;
      body.at = skip_value(body.at, 3);
    } else if (IS(&key, "usage")) {
      if (has_usage) return NULL;
      body.at = read_usage(body.at, answer);
      has_usage = true;
    } else if (IS(&key, "model")) {
      if (has_model || *body.at != '"') return NULL;
      body.at = note_string(body.at + 1, read_string(body.at + 1, &answer->model), MODEL);
      has_model = answer->has_model = true;
    } else {
      body.at = skip_value(body.at, 3);
    }
  }
  // Of the two only one says what the answer is.
  return has_choices != has_output && (has_choices || is_completed) && answer->has_content ? body.at : NULL;
}

static const byte *read_response(const byte *at, Answer *answer) {
  Object response = object_at(at);
  Text key;
  bool has_body = false, has_code = false;
  while (next_key(&response, &key)) {
    if (IS(&key, "body")) {
      if (has_body) return NULL;
      response.at = read_body(response.at, answer);
      has_body = true;
    } else if (IS(&key, "status_code")) {
      if (has_code || !begins(response.at, "200", 3)) return NULL;
      response.at += 3;
      has_code = true;
    } else {
      response.at = skip_value(response.at, 2);
    }
  }
  return has_body && has_code ? response.at : NULL;
}

// The number behind the prefix.
static bool read_number(const Text *id, const Wanted *wanted, uint32_t *number) {
  const byte *prefix = (const byte *)(uintptr_t)wanted->prefix, *at = id->at;
  uint32_t size = (uint32_t)(id->end - at);
  if (id->has_escape || size <= wanted->prefix_size || size > wanted->prefix_size + 9) return false;
  for (uint32_t k = 0; k < wanted->prefix_size; k++)
    if (at[k] != prefix[k]) return false;
  uint32_t value = 0;
  for (at += wanted->prefix_size; at < id->end; at++) {
    if (!is_digit(*at)) return false;
    value = value * 10 + (*at - '0');
  }
  *number = value;
  return true;
}

// How many bytes two texts have in common, of so many.
static uint32_t alike(const byte *one, const byte *other, uint32_t size) {
  for (uint32_t at = 0; at < size; at += 16) {
    uint32_t same = wasm_i8x16_bitmask(wasm_i8x16_eq(wasm_v128_load(one + at), wasm_v128_load(other + at)));
    if (same != 0xFFFF) {
      at += (uint32_t)__builtin_ctz(~same);
      return at < size ? at : size;
    }
  }
  return size;
}

// Read a line as the pattern has it: the same bytes, but for the values that vary, which are of the same kind. Where it
// ends, or NULL.
static const byte *read_alike(const byte *at, const Wanted *wanted, Answer *answer) {
  uint32_t done = 0;
  if (!pattern.size) return NULL;
  for (uint32_t k = 0; k <= pattern.spots; k++) {
    Spot *spot = pattern.spot + k;
    bool is_last = k == pattern.spots;
    if (!is_last && !spot->varies) continue;
    uint32_t size = (is_last ? pattern.size : spot->begin) - done;
    uint32_t same = alike(at, pattern.text + done, size);
    if (same < size) {
      // The value that is another one here may vary from now on.
      done += same;
      for (Spot *other = pattern.spot; other < pattern.spot + pattern.spots; other++)
        if (other->begin <= done && done <= other->end) {
          other->varies = true;
          return NULL;
        }
      pattern.misses++;
      return NULL;
    }
    at += size;
    if (is_last) break;
    done = spot->end;
    Text text = {at, NULL, false};
    if (spot->role >= PROMPT) {
      at = read_count(at, answer->counts + (spot->role - PROMPT));
    } else if (!spot->is_string) {
      at = skip_number(at);
    } else {
      at = read_string(at, &text) ? text.end : NULL;
    }
    if (!at || (spot->role == ID && !read_number(&text, wanted, &answer->number))) return NULL;
    if (spot->role == CONTENT) answer->content = text;
    if (spot->role == MODEL) {
      answer->model = text;
      answer->has_model = true;
    }
  }
  pattern.misses = 0;
  return *at == '\n' ? at : NULL;
}

#define MOST_MISSES 8

static bool read_line(const byte *at, const byte *end, const Wanted *wanted, Answer *answer) {
  Object line = object_at(skip_blanks(at));
  Text key, id;
  bool has_id = false, has_response = false;
  while (next_key(&line, &key)) {
    if (IS(&key, "custom_id")) {
      if (has_id || *line.at != '"') return false;
      line.at = note_string(line.at + 1, read_string(line.at + 1, &id), ID);
      if (!line.at || !read_number(&id, wanted, &answer->number)) return false;
      has_id = true;
    } else if (IS(&key, "response")) {
      if (has_response) return false;
      line.at = read_response(line.at, answer);
      has_response = true;
    } else if (IS(&key, "error")) {
      line.at = begins(line.at, "null", 4) ? line.at + 4 : NULL;
    } else {
      line.at = skip_value(line.at, 1);
    }
  }
  if (!line.at || !has_id || !has_response) return false;
  // A line end is blank too: what goes on beyond it is no line.
  at = line.at;
  while (at < end && (*at == ' ' || *at == '\r' || *at == '\t')) at++;
  return at == end;
}

// The text of a string, which was read before. Up to fifteen bytes more are written; it never gets longer.
static byte *unescape(byte *out, const byte *at, const byte *end) {
  const v128_t back = wasm_i8x16_splat('\\');
  while (at < end) {
    v128_t text = wasm_v128_load(at);
    wasm_v128_store(out, text);
    uint32_t hits = wasm_i8x16_bitmask(wasm_i8x16_eq(text, back));
    uint32_t plain = hits ? (uint32_t)__builtin_ctz(hits) : 16;
    if (plain >= (uint32_t)(end - at)) return out + (end - at);
    at += plain;
    out += plain;
    if (!hits) continue;
    byte value = at[1];
    at += 2;
    switch (value) {
      case 'b': *out++ = '\b'; continue;
      case 'f': *out++ = '\f'; continue;
      case 'n': *out++ = '\n'; continue;
      case 'r': *out++ = '\r'; continue;
      case 't': *out++ = '\t'; continue;
      case 'u': break;
      default: *out++ = value; continue;
    }
    uint32_t character = (uint32_t)escaped_character(&at);
    if (character < 0x80) {
      *out++ = (byte)character;
    } else if (character < 0x800) {
      *out++ = (byte)(0xC0 | character >> 6);
      *out++ = (byte)(0x80 | (character & 0x3F));
    } else if (character < 0x10000) {
      *out++ = (byte)(0xE0 | character >> 12);
      *out++ = (byte)(0x80 | (character >> 6 & 0x3F));
      *out++ = (byte)(0x80 | (character & 0x3F));
    } else {
      *out++ = (byte)(0xF0 | character >> 18);
      *out++ = (byte)(0x80 | (character >> 12 & 0x3F));
      *out++ = (byte)(0x80 | (character >> 6 & 0x3F));
      *out++ = (byte)(0x80 | (character & 0x3F));
    }
  }
  return out;
}

// The fields of an answer: each a string, or a value as it is spelled; nothing for null, and where it is not there.
static bool read_fields(const byte *at, const byte *end, const Wanted *wanted, Text *values) {
  const uint32_t *names = (const uint32_t *)(uintptr_t)wanted->names;
  const uint32_t *sizes = (const uint32_t *)(uintptr_t)wanted->name_sizes;
  Object object = object_at(skip_blanks(at));
  Text key;
  uint32_t seen = 0, next = 0;
  for (uint32_t k = 0; k < wanted->fields; k++) values[k] = (Text){at, at, false};
  while (next_key(&object, &key)) {
    uint32_t field = next;
    if (field >= wanted->fields || !is_word(&key, (const char *)(uintptr_t)names[field], sizes[field])) {
      field = 0;
      while (field < wanted->fields && !is_word(&key, (const char *)(uintptr_t)names[field], sizes[field])) field++;
      if (field == wanted->fields) return false;
    }
    if (seen >> field & 1) return false;
    seen |= 1u << field;
    next = field + 1;
    const byte *begin = object.at;
    if (*begin == '"') {
      object.at = read_string(begin + 1, values + field);
      continue;
    }
    if (*begin == '{') return false;
    object.at = skip_value(begin, 1);
    if (object.at && *begin != 'n') {
      values[field].at = begin;
      values[field].end = object.at;
    }
    // A list of objects may be what holds the answer.
    if (object.at && *begin == '[')
      for (const byte *here = begin; here < object.at; here++)
        if (*here == '{') return false;
  }
  return object.at && skip_blanks(object.at) == end;
}

typedef struct {
  uint32_t size;            // bytes of the text that were read: whole lines
  uint32_t written;         // bytes of `out`
  uint32_t plain, odd;      // lines
  uint32_t lowest, highest; // numbers of the plain ones
  uint32_t has_content;     // some answer is not empty
} Read;

// Read lines. A plain one becomes a `Head` and its cells in `out`, and its number in `numbers`; of any other one
// `odd` gets its place among all lines, its begin and its end.
//
// Behind the text there is room for a NUL, and `scratch` is twice as large as the text. Stops where `out` may not
// hold what comes.
EXPORT("read_results")
void read_results(byte *text, uint32_t size, const Wanted *wanted, byte *scratch, byte *out, uint32_t room,
                  uint32_t *numbers, uint32_t *odd, Read *found) {
  const byte *at = text, *stop = text + size;
  byte *to = out;
  byte separator = (byte)wanted->separator;
  text[size] = 0;
  pattern.size = 0;
  *found = (Read){.lowest = UINT32_MAX};
  while (at < stop) {
    Answer answer = {0};
    Text values[MOST_FIELDS];
    byte *content = scratch, *content_end = scratch;
    const byte *end = read_alike(at, wanted, &answer);
    bool is_plain = end != NULL;
    if (!is_plain) {
      end = find_byte(at, stop, '\n');
      if (end == stop) break;
      answer = (Answer){0};
      bool is_new = !pattern.size || pattern.misses > MOST_MISSES;
      if (is_new) pattern = (Pattern){.is_noting = true, .line = at};
      is_plain = read_line(at, end, wanted, &answer);
      if (is_new && is_plain && pattern.is_noting && end - at <= LONGEST_PATTERN) {
        pattern.size = (uint32_t)(end - at);
        copy(pattern.text, at, pattern.size);
      }
      pattern.is_noting = false;
    }
    // Each byte may be two in the cell of the content, and in that of a field.
    if (4 * (uint64_t)(end - at) + 2 * MOST_FIELDS + 256 > (uint64_t)(room - (uint32_t)(to - out))) break;
    if (is_plain) {
      content_end = unescape(content, answer.content.at, answer.content.end);
      *content_end = 0;
      is_plain = !wanted->is_json || read_fields(content, content_end, wanted, values);
    }
    if (!is_plain) {
      *odd++ = found->plain + found->odd++;
      *odd++ = (uint32_t)(at - text);
      *odd++ = (uint32_t)(end - text);
      at = end + 1;
      continue;
    }
    Head *head = (Head *)to;
    byte *cells = to + sizeof(Head), *here = cells;
    // Behind the content and its NUL.
    byte *other = content_end + BEYOND;
    for (uint32_t k = 0; k < wanted->fields; k++) {
      Text value = values[k];
      if (value.has_escape) {
        value.end = unescape(other, value.at, value.end);
        value.at = other;
      }
      here = write_cell(here, value.at, value.end, separator, false);
      *here++ = separator;
    }
    head->number = answer.number;
    head->fields = (uint32_t)(here - cells);
    byte *rest = here;
    here = write_cell(here, content, content_end, separator, false);
    *here++ = separator;
    *here++ = 'o';
    *here++ = 'k';
    *here++ = separator;
    if (wanted->has_model) {
      *here++ = separator;
      if (answer.has_model) {
        byte *model_end = unescape(other, answer.model.at, answer.model.end);
        here = write_cell(here, other, model_end, separator, false);
      }
    }
    if (wanted->has_usage) {
      for (int k = 0; k < 2; k++) {
        const Count *count = answer.counts[k].is_there ? answer.counts + k : answer.counts + k + 2;
        *here++ = separator;
        if (count->is_there) here = decimals(here, count->value);
      }
    }
    head->others = (uint32_t)(here - rest);
    to = out + (((uint32_t)(here - out) + 3) & ~3u);
    *numbers++ = answer.number;
    found->plain++;
    found->has_content |= content_end > content;
    if (answer.number < found->lowest) found->lowest = answer.number;
    if (answer.number > found->highest) found->highest = answer.number;
    at = end + 1;
  }
  found->size = (uint32_t)(at - text);
  found->written = (uint32_t)(to - out);
}
