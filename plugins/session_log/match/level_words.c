/* SPDX-License-Identifier: MIT */
/* level_words: the words that loggers write for a level. The texts that are
 * searched for and the words that are recognised come from the same lists. */
#include "session_log/match/level_words.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define WORD_BYTES_MAX 13 /* "informational" */
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define TEXT(literal)                                                          \
  { literal, sizeof(literal) - 1 }

/* ---- the list: errors ---- */

/* Each word is searched for in the cases in which loggers write it; the words
 * that are too short, or usual in messages, with the mark that stands before or
 * behind them. */
#define CAPITAL_ERRORS(ENTRY)                                                  \
  ENTRY("ERROR")                                                               \
  ENTRY("CRITICAL")                                                            \
  ENTRY("FATAL")                                                               \
  ENTRY("SEVERE")                                                              \
  ENTRY("ALERT")                                                               \
  ENTRY("EMERG")                                                               \
  ENTRY("PANIC")                                                               \
  ENTRY("错误")                                                                \
  ENTRY("严重")                                                                \
  ENTRY("致命")                                                                \
  ENTRY("紧急")
#define SMALL_ERRORS(ENTRY)                                                    \
  ENTRY("error")                                                               \
  ENTRY("critical")                                                            \
  ENTRY("Error")                                                               \
  ENTRY("Critical")                                                            \
  ENTRY("fatal")                                                               \
  ENTRY("panic")                                                               \
  ENTRY("alert")                                                               \
  ENTRY("Fatal")
#define MARKED_ERRORS(ENTRY)                                                   \
  ENTRY("emerg] ")                                                             \
  ENTRY("emerg\",")                                                            \
  ENTRY("emerg\"}")                                                            \
  ENTRY("crit]")                                                               \
  ENTRY("\"crit\"")                                                            \
  ENTRY("=crit")                                                               \
  ENTRY("\"err\"")                                                             \
  ENTRY("=err ")                                                               \
  ENTRY("[err]")

/* ---- what is searched for ---- */

#define SEARCHED(literal) TEXT(literal),
static const struct pattern_span searched[] = {
    CAPITAL_ERRORS(SEARCHED) SMALL_ERRORS(SEARCHED) MARKED_ERRORS(SEARCHED)};

size_t level_words_get_texts(const struct pattern_span **ret_texts) {
  *ret_texts = searched;
  return LENGTH(searched);
}

/* ---- what is recognised ---- */

#define WORD(literal) literal,
static const char *const errors[] = {CAPITAL_ERRORS(WORD) "emergency",
                                     "dpanic"};
static const char *const short_errors[] = {"err",  "crit", "ftl", "pnc",
                                           "erro", "fata", "pani"};
static const char *const below_error[] = {
    "info",    "debug",   "warning",     "warn",          "notice", "trace",
    "success", "verbose", "information", "informational", "config", "fine",
    "finer",   "finest",  "http",        "silly",         "audit",  "信息",
    "警告",    "调试",    "提示",
};
static const char *const short_below_error[] = {"inf", "dbg", "wrn",
                                                "trc", "vrb", "debu"};

/* Of PostgreSQL, before a colon. */
static const char *const server_words[] = {
    "LOG", "STATEMENT", "DETAIL", "HINT", "CONTEXT", "QUERY", "LOCATION"};

static bool is_listed(const char *const *list, size_t len, const char *text,
                      size_t bytes) {
  for (size_t i = 0; i < len; i++) {
    bool may_be = ((list[i][0] ^ text[0]) & ~0x20) == 0; /* most are not */
    if (may_be && strncasecmp(list[i], text, bytes) == 0 &&
        list[i][bytes] == '\0') {
      return true;
    }
  }
  return false;
}

enum level_class level_words_classify(const char *text, size_t bytes) {
  if (bytes < 3 || bytes > WORD_BYTES_MAX) {
    return LEVEL_NONE;
  }
  if (is_listed(errors, LENGTH(errors), text, bytes)) {
    return LEVEL_ERROR;
  }
  if (is_listed(short_errors, LENGTH(short_errors), text, bytes)) {
    return LEVEL_SHORT_ERROR;
  }
  if (is_listed(short_below_error, LENGTH(short_below_error), text, bytes)) {
    return LEVEL_SHORT_BELOW_ERROR;
  }
  return is_listed(below_error, LENGTH(below_error), text, bytes)
             ? LEVEL_BELOW_ERROR
             : LEVEL_NONE;
}

bool level_words_is_server_word(const char *text, size_t bytes) {
  return bytes >= 3 &&
         is_listed(server_words, LENGTH(server_words), text, bytes);
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
