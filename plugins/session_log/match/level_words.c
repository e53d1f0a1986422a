/* SPDX-License-Identifier: MIT */
/* level_words: the words that loggers write for a level. The texts that are
 * searched for and the words that are recognised come from the same lists. */
#include "session_log/match/level_words.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define TEXT(literal)                                                          \
  { literal, sizeof(literal) - 1 }

/* ---- the list: errors ---- */

/* Found wherever they stand. */
#define LONG_ERRORS(ENTRY)                                                     \
  ENTRY("error")                                                               \
  ENTRY("critical")                                                            \
  ENTRY("fatal")                                                               \
  ENTRY("severe")                                                              \
  ENTRY("alert")                                                               \
  ENTRY("emerg")                                                               \
  ENTRY("panic")                                                               \
  ENTRY("错误")                                                                \
  ENTRY("严重")                                                                \
  ENTRY("致命")                                                                \
  ENTRY("紧急")

/* Contain one of those above. */
#define DERIVED_ERRORS(ENTRY)                                                  \
  ENTRY("emergency")                                                           \
  ENTRY("dpanic")

/* Too short to be searched for alone: they count between the marks that some
 * logger puts around them. An m ends and an escape begins a colour. */
#define IN_BRACKETS(ENTRY, word)                                               \
  ENTRY("[" word "]")                                                          \
  ENTRY(" " word "]")                                                          \
  ENTRY(" " word " ")                                                          \
  ENTRY("m" word "\x1b")
#define BESIDE_MARKS(ENTRY, word)                                              \
  ENTRY("\"" word "\"")                                                        \
  ENTRY("=" word " ")                                                          \
  ENTRY("|" word "|")                                                          \
  ENTRY("\t" word "\t")                                                        \
  ENTRY("<" word ">")                                                          \
  ENTRY("." word " ")
#define BEFORE_SECONDS(ENTRY, word)                                            \
  ENTRY(word "[")                                                              \
  ENTRY(word "\x1b")

#define FRAMED_ERRORS(ENTRY)                                                   \
  IN_BRACKETS(ENTRY, "err")                                                    \
  BESIDE_MARKS(ENTRY, "err")                                                   \
  IN_BRACKETS(ENTRY, "crit")                                                   \
  BESIDE_MARKS(ENTRY, "crit")                                                  \
  IN_BRACKETS(ENTRY, "ftl")                                                    \
  IN_BRACKETS(ENTRY, "pnc")                                                    \
  BEFORE_SECONDS(ENTRY, "erro")                                                \
  BEFORE_SECONDS(ENTRY, "fata")                                                \
  BEFORE_SECONDS(ENTRY, "pani")

/* Of JSON fields: pino and bunyan have 50 and 60, GELF the numbers of syslog,
 * journald's export has them in quotes. */
#define DIGIT_ERRORS(ENTRY, digit)                                             \
  ENTRY("\"level\":" digit ",")                                                \
  ENTRY("\"level\":" digit "}")                                                \
  ENTRY("\"level\": " digit ",")                                               \
  ENTRY("\"level\": " digit "}")                                               \
  ENTRY("\"priority\":\"" digit "\"")
#define NUMBERED_ERRORS(ENTRY)                                                 \
  ENTRY("\"level\":50")                                                        \
  ENTRY("\"level\":60")                                                        \
  ENTRY("\"level\": 50")                                                       \
  ENTRY("\"level\": 60")                                                       \
  DIGIT_ERRORS(ENTRY, "0")                                                     \
  DIGIT_ERRORS(ENTRY, "1")                                                     \
  DIGIT_ERRORS(ENTRY, "2")                                                     \
  DIGIT_ERRORS(ENTRY, "3")

/* ---- what is searched for ---- */

#define SEARCHED(literal) TEXT(literal),
static const struct pattern_span searched[] = {
    LONG_ERRORS(SEARCHED) FRAMED_ERRORS(SEARCHED) NUMBERED_ERRORS(SEARCHED)};

size_t level_words_get_texts(const struct pattern_span **ret_texts) {
  *ret_texts = searched;
  return LENGTH(searched);
}

/* ---- what is recognised ---- */

#define WORD(literal) literal,
static const char *const errors[] = {LONG_ERRORS(WORD) DERIVED_ERRORS(WORD)};
static const char *const short_errors[] = {"err",  "crit", "ftl", "pnc",
                                           "erro", "fata", "pani"};
static const struct pattern_span framed_errors[] = {FRAMED_ERRORS(SEARCHED)};
static const struct pattern_span numbered_errors[] = {
    NUMBERED_ERRORS(SEARCHED)};

static const char *const below_error[] = {
    "info",    "debug",   "warning",     "warn",          "notice", "trace",
    "success", "verbose", "information", "informational", "config", "fine",
    "finer",   "finest",  "inf",         "dbg",           "wrn",    "trc",
    "vrb",     "debu",    "http",        "silly",         "audit",  "信息",
    "警告",    "调试",    "提示",
};

/* Of PostgreSQL, before a colon. */
static const char *const server_words[] = {
    "LOG", "STATEMENT", "DETAIL", "HINT", "CONTEXT", "QUERY", "LOCATION"};

static bool is_listed(const char *const *list, size_t len, const char *text,
                      size_t bytes) {
  for (size_t i = 0; i < len; i++) {
    if (strncasecmp(list[i], text, bytes) == 0 && list[i][bytes] == '\0') {
      return true;
    }
  }
  return false;
}

enum level_class level_words_classify(const char *text, size_t bytes) {
  if (bytes < 3) {
    return LEVEL_NONE;
  }
  if (is_listed(errors, LENGTH(errors), text, bytes)) {
    return LEVEL_ERROR;
  }
  if (is_listed(short_errors, LENGTH(short_errors), text, bytes)) {
    return LEVEL_SHORT_ERROR;
  }
  return is_listed(below_error, LENGTH(below_error), text, bytes)
             ? LEVEL_BELOW_ERROR
             : LEVEL_NONE;
}

bool level_words_is_server_word(const char *text, size_t bytes) {
  return bytes >= 3 &&
         is_listed(server_words, LENGTH(server_words), text, bytes);
}

static bool contains_folded(const char *line, size_t bytes,
                            const struct pattern_span *text) {
  for (size_t i = 0; i + text->bytes <= bytes; i++) {
    if (strncasecmp(line + i, text->text, text->bytes) == 0) {
      return true;
    }
  }
  return false;
}

static bool contains_any(const struct pattern_span *texts, size_t len,
                         const char *line, size_t bytes) {
  for (size_t i = 0; i < len; i++) {
    if (contains_folded(line, bytes, &texts[i])) {
      return true;
    }
  }
  return false;
}

bool level_words_has_framed_error(const char *line, size_t bytes) {
  return contains_any(framed_errors, LENGTH(framed_errors), line, bytes);
}

bool level_words_has_numbered_error(const char *line, size_t bytes) {
  return contains_any(numbered_errors, LENGTH(numbered_errors), line, bytes);
}

size_t level_words_measure_wide(const char *text, size_t bytes,
                                enum level_class *ret_level) {
  static const struct {
    const char *const *list;
    size_t len;
    enum level_class level;
  } lists[] = {{errors, LENGTH(errors), LEVEL_ERROR},
               {below_error, LENGTH(below_error), LEVEL_BELOW_ERROR}};
  for (size_t i = 0; i < LENGTH(lists); i++) {
    for (size_t j = 0; j < lists[i].len; j++) {
      const char *word = lists[i].list[j];
      size_t len = strlen(word);
      if (!isascii((unsigned char)word[0]) && len <= bytes &&
          memcmp(word, text, len) == 0) {
        *ret_level = lists[i].level;
        return len;
      }
    }
  }
  return 0;
}
