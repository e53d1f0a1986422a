/* SPDX-License-Identifier: MIT */
/* level: whether a line was logged with the level of an error. */
#include "session_log/match/level.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* How far into a line the level is looked for. */
#define SEARCH_BYTES 512
#define WORD_BYTES_MAX 9

struct level_word {
  const char *text;
  bool is_error;
};

static const struct level_word words[] = {
    {"ERROR", true},  {"CRITICAL", true}, {"FATAL", true},  {"CRIT", true},
    {"ERR", true},    {"ALERT", true},    {"EMERG", true},  {"PANIC", true},
    {"SEVERE", true}, {"INFO", false},    {"DEBUG", false}, {"WARNING", false},
    {"WARN", false},  {"NOTICE", false},  {"TRACE", false}, {"SUCCESS", false},
    {"LOG", false},
};

/* The common spellings of these errors; "error" in prose is none. */
#define TEXT(literal)                                                          \
  { literal, sizeof(literal) - 1 }
static const struct pattern_span texts[] = {
    TEXT("ERROR"),     TEXT("CRITICAL"),     TEXT("FATAL"),     TEXT("SEVERE"),
    TEXT("\"error\""), TEXT("\"critical\""), TEXT("\"fatal\""), TEXT("=error"),
    TEXT("=critical"), TEXT("=fatal"),       TEXT("[error]"),   TEXT("[crit"),
};

size_t level_texts(const struct pattern_span **ret_texts) {
  *ret_texts = texts;
  return sizeof(texts) / sizeof(texts[0]);
}

static const struct level_word *find_level_word(const char *text,
                                                size_t bytes) {
  for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
    if (strlen(words[i].text) == bytes &&
        strncasecmp(words[i].text, text, bytes) == 0) {
      return &words[i];
    }
  }
  return NULL;
}

static bool is_upper_case(const char *text, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) {
    if (!isupper((unsigned char)text[i])) {
      return false;
    }
  }
  return true;
}

static bool is_field_mark(char c) { return c == '[' || c == '=' || c == '"'; }

/* The first level word of a text line decides. Words in lower case count only
 * behind one of the marks above: "an error" in prose is no level. */
static bool is_error_in_text(const char *line, size_t bytes) {
  size_t end = bytes < SEARCH_BYTES ? bytes : SEARCH_BYTES;
  for (size_t i = 0; i < end;) {
    if (!isalpha((unsigned char)line[i])) {
      i++;
      continue;
    }
    size_t start = i;
    while (i < bytes && (isalnum((unsigned char)line[i]) || line[i] == '_')) {
      i++;
    }
    size_t len = i - start;
    const struct level_word *word =
        len > WORD_BYTES_MAX ? NULL : find_level_word(line + start, len);
    if (word != NULL && (is_upper_case(line + start, len) ||
                         (start > 0 && is_field_mark(line[start - 1])))) {
      return word->is_error;
    }
  }
  return false;
}

/* The value of a JSON line's level: a word, a number (pino: 50 is error), or
 * loguru's object with a name. Returns 1, 0, or -1 for none. */
static int read_json_level(const char *at, const char *end) {
  while (at < end && (*at == ' ' || *at == ':')) {
    at++;
  }
  if (at < end && *at == '{') {
    const char *name = memmem(at, (size_t)(end - at), "\"name\"", 6);
    return name == NULL ? -1 : read_json_level(name + 6, end);
  }
  if (at < end && isdigit((unsigned char)*at)) {
    return end - at >= 2 && at[0] >= '5' && isdigit((unsigned char)at[1]);
  }
  const char *start = ++at;
  while (at < end && *at != '"') {
    at++;
  }
  const struct level_word *word =
      start < end ? find_level_word(start, (size_t)(at - start)) : NULL;
  return word == NULL ? -1 : word->is_error;
}

bool level_is_error(const char *line, size_t bytes) {
  static const char *const names[] = {
      "\"level\"", "\"levelname\"", "\"severity\"", "\"log.level\"", "\"lvl\""};
  const char *end = line + bytes;
  if (bytes == 0 || line[0] != '{') {
    return is_error_in_text(line, bytes);
  }
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    size_t len = strlen(names[i]);
    const char *found = memmem(line, bytes, names[i], len);
    int verdict = found == NULL ? -1 : read_json_level(found + len, end);
    if (verdict >= 0) {
      return verdict == 1;
    }
  }
  return is_error_in_text(line, bytes);
}
