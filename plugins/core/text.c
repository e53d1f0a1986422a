/* SPDX-License-Identifier: MIT */
/* text: strings from elsewhere: control characters, escapes, and which name was
 * probably meant. */
#include "core/text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/hash_map.h"

size_t text_control_length(const char *from) {
  const unsigned char *at = (const unsigned char *)from;
  if (at[0] < 0x80) {
    return at[0] != '\0' && (at[0] < ' ' || at[0] == 0x7f);
  }
  size_t length = text_utf8_length(from);
  if (length == 0) {
    return at[0] < 0xa0; /* C1 as a byte of its own */
  }
  bool is_control = false;
  if (length == 2) { /* C1, and U+061C */
    is_control =
        (at[0] == 0xc2 && at[1] < 0xa0) || (at[0] == 0xd8 && at[1] == 0x9c);
  } else if (at[0] == 0xe2 && at[1] == 0x80) { /* U+200E, 200F, 2028 to 202E */
    is_control =
        at[2] == 0x8e || at[2] == 0x8f || (at[2] >= 0xa8 && at[2] <= 0xae);
  } else if (at[0] == 0xe2 && at[1] == 0x81) { /* U+2066 to 2069 */
    is_control = at[2] >= 0xa6 && at[2] <= 0xa9;
  }
  return is_control ? length : 0;
}

/* Other bytes that are not UTF-8 are kept: a name may be Latin-1. */
void text_blank_controls(char *text) {
  char *to = text;
  while (*text != '\0') {
    size_t control = text_control_length(text);
    size_t length = control > 0 ? 0 : text_utf8_length(text);
    length = length == 0 ? 1 : length;
    memmove(to, control > 0 ? "?" : text, length);
    to += length;
    text += control > 0 ? control : length;
  }
  *to = '\0';
}

/* ---- names ---- */

/* Of 1000 names two have the same hash with a probability of 1e-4 (n^2 / 2 /
 * 2^32). */
#define HASH_BYTES 9 /* "-" and eight digits */

void text_append_hash(char *name, size_t bytes, const char *text) {
  size_t at = strlen(name);
  if (at > bytes - 1 - HASH_BYTES) {
    at = bytes - 1 - HASH_BYTES;
    while (at > 0 && ((unsigned char)name[at] & 0xc0) == 0x80) {
      at--; /* not inside a UTF-8 character */
    }
  }
  uint32_t hash = (uint32_t)hash_map_hash_seeded(text, strlen(text), 0);
  (void)snprintf(name + at, bytes - at, "-%08x", hash);
}

void text_make_name(char *name, size_t bytes, const char *text) {
  const char *whole = text;
  bool is_ambiguous = false;
  size_t used = 0;
  while (*text != '\0') {
    size_t length = text_utf8_length(text);
    size_t control = text_control_length(text);
    bool is_bad = length == 0 || control > 0;
    size_t kept = is_bad ? 1 : length;
    if (used + kept >= bytes) {
      is_ambiguous = true;
      break;
    }
    memcpy(name + used, is_bad ? "_" : *text == '/' ? "-" : text, kept);
    is_ambiguous = is_ambiguous || is_bad;
    used += kept;
    text += length == 0 ? 1 : length;
  }
  name[used] = '\0';
  if (is_ambiguous) {
    text_append_hash(name, bytes, whole);
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
  if (length == 0 || text_control_length((const char *)from) > 0) {
    *ret_taken = 1; /* the rest of the character is no UTF-8 */
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

/* A prefix is not enough: 127.example.net may be anywhere. */
bool text_is_loopback(const char *host) {
  struct in_addr address;
  bool is_loopback_address = inet_pton(AF_INET, host, &address) == 1 &&
                             ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET;
  return is_loopback_address || strcasecmp(host, "localhost") == 0 ||
         strcmp(host, "::1") == 0 || strcmp(host, "[::1]") == 0;
}

void text_format_duration(double seconds, char *text, size_t bytes) {
  static const struct {
    double size;
    const char *unit;
  } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
  size_t i = 0;
  while (i < 3 && seconds < units[i].size) {
    i++;
  }
  double whole = seconds < 0 ? 0 : seconds / units[i].size;
  if (i < 2) {
    double rest = (whole - (double)(long)whole) * units[i].size;
    (void)snprintf(text, bytes, "%ld %s %ld %s", (long)whole, units[i].unit,
                   (long)(rest / units[i + 1].size), units[i + 1].unit);
  } else {
    (void)snprintf(text, bytes, "%ld %s", (long)whole, units[i].unit);
  }
}
