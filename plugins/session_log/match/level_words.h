/* SPDX-License-Identifier: MIT */
/* level_words: the words that loggers write for a level. The texts that are
 * searched for and the words that are recognised come from the same lists. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "session_log/match/pattern.h"

enum level_class {
  LEVEL_NONE, /* no level was found */
  LEVEL_BELOW_ERROR,
  LEVEL_ERROR,             /* or above */
  LEVEL_SHORT_BELOW_ERROR, /* words of three or four letters */
  LEVEL_SHORT_ERROR,
};

/* Each line of level error contains one of these texts, or its level is a code
 * or a rare spelling. Borrowed. Returns how many. */
size_t level_words_get_texts(const struct pattern_span **ret_texts);

/* A word of ASCII letters, in any case, or of Chinese characters. */
enum level_class level_words_classify(const char *text, size_t bytes);

/* PostgreSQL's further words in the place of a level, such as STATEMENT. */
bool level_words_is_server_word(const char *text, size_t bytes);

/* Bytes of the Chinese level word that TEXT begins with; 0: none. */
size_t level_words_measure_wide(const char *text, size_t bytes,
                                enum level_class *ret_level);
