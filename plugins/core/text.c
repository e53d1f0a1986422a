/* SPDX-License-Identifier: MIT */
/* text: strings from elsewhere: control characters, escapes, and which name was
 * probably meant. */
#include "core/text.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Bytes above 0x7f are kept: they are parts of UTF-8 characters. */
void text_blank_controls(char *text) {
  for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++) {
    if (*c < ' ' || *c == 0x7f) {
      *c = '?';
    }
  }
}

void text_chomp(char *text) {
  size_t length = strlen(text);
  while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL) {
    text[--length] = '\0';
  }
}

size_t text_utf8_length(const char *from) {
  const unsigned char *text = (const unsigned char *)from;
  unsigned char lead = text[0];
  size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (lead >= 0x80 && (lead < 0xc2 || lead > 0xf4)) {
    return 0;
  }
  for (size_t i = 1; i < length; i++) {
    if ((text[i] & 0xc0) != 0x80) { /* a NUL is none either */
      return 0;
    }
  }
  bool is_wrong =
      (lead == 0xe0 && text[1] < 0xa0) || (lead == 0xed && text[1] > 0x9f) ||
      (lead == 0xf0 && text[1] < 0x90) || (lead == 0xf4 && text[1] > 0x8f);
  return is_wrong ? 0 : length;
}

/* Writes one character or its escape into PIECE (5 bytes); *ret_taken: bytes
 * of FROM that it replaces. Returns its length. */
static size_t escape_character(char *piece, const unsigned char *from,
                               size_t *ret_taken) {
  size_t length = text_utf8_length((const char *)from);
  *ret_taken = length == 0 ? 1 : length;
  static const char plain[] = "\n\t\\";
  const char *found = memchr(plain, *from, sizeof(plain) - 1);
  if (found != NULL) {
    return (size_t)snprintf(piece, 5, "\\%c", "nt\\"[found - plain]);
  }
  if (length == 0 || *from < ' ' || *from == 0x7f) {
    return (size_t)snprintf(piece, 5, "\\x%02x", (unsigned)*from);
  }
  memcpy(piece, from, length);
  return length;
}

void text_escape(char *to, size_t bytes, const char *from) {
  const unsigned char *next = (const unsigned char *)from;
  size_t used = 0;
  while (*next != '\0') {
    char piece[5];
    size_t taken;
    size_t length = escape_character(piece, next, &taken);
    if (used + length >= bytes) {
      break;
    }
    memcpy(to + used, piece, length);
    used += length;
    next += taken;
  }
  to[used] = '\0';
}

int text_find_word(const char *const *words, const char *text) {
  for (int i = 0; words[i] != NULL; i++) {
    if (strcasecmp(words[i], text) == 0) {
      return i;
    }
  }
  return -1;
}

#define NAME_MAX_LENGTH 48 /* a longer name is near to none */

/* Edits that turn A into B, letters' case aside (Levenshtein). */
static size_t count_edits(const char *a, const char *b) {
  size_t previous[NAME_MAX_LENGTH + 1];
  size_t current[NAME_MAX_LENGTH + 1];
  size_t a_length = strlen(a);
  size_t b_length = strlen(b);
  if (a_length > NAME_MAX_LENGTH || b_length > NAME_MAX_LENGTH) {
    return NAME_MAX_LENGTH;
  }
  for (size_t j = 0; j <= b_length; j++) {
    previous[j] = j;
  }
  for (size_t i = 1; i <= a_length; i++) {
    current[0] = i;
    for (size_t j = 1; j <= b_length; j++) {
      bool is_same =
          tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
      size_t best = previous[j - 1] + (is_same ? 0 : 1);
      best = previous[j] + 1 < best ? previous[j] + 1 : best;
      current[j] = current[j - 1] + 1 < best ? current[j - 1] + 1 : best;
    }
    memcpy(previous, current, sizeof(previous));
  }
  return previous[b_length];
}

struct text_nearest text_nearest_begin(const char *wanted) {
  return (struct text_nearest){
      .wanted = wanted,
      .fewest = 1 + strlen(wanted) / 3, /* more is another word */
  };
}

void text_nearest_offer(struct text_nearest *nearest, const char *candidate) {
  size_t edits = count_edits(nearest->wanted, candidate);
  if (edits <= nearest->fewest) {
    nearest->fewest = edits;
    nearest->name = candidate;
  }
}
