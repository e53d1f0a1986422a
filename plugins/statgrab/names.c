/* SPDX-License-Identifier: MIT */
/* names: what collectd, and those behind it, can take as a name. */
#include "statgrab/names.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define HASH_BYTES 9 /* "-" and eight digits */

/* FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint32_t hash_of(const char *text) {
  uint32_t hash = 2166136261u;
  for (const char *at = text; *at != '\0'; at++) {
    hash = (hash ^ (unsigned char)*at) * 16777619u;
  }
  return hash;
}

/* Bytes of the UTF-8 character at TEXT, 0 if it is none (RFC 3629). */
static size_t utf8_length(const unsigned char *text) {
  static const struct {
    unsigned char first, last; /* of the leading byte */
    unsigned char low, high;   /* of the second byte */
    size_t length;
  } forms[] = {
      {0x20, 0x7e, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2},
      {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
      {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
      {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
      {0xf4, 0xf4, 0x80, 0x8f, 4},
  };
  for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
    if (text[0] < forms[i].first || text[0] > forms[i].last) {
      continue;
    }
    size_t length = forms[i].length;
    bool is_good =
        length == 1 || (text[1] >= forms[i].low && text[1] <= forms[i].high);
    for (size_t j = 2; j < length && is_good; j++) {
      is_good = text[j] >= 0x80 && text[j] <= 0xbf;
    }
    return is_good ? length : 0;
  }
  return 0;
}

void name_clean(const char *text, char name[ITEM_NAME_BYTES]) {
  const unsigned char *at = (const unsigned char *)text;
  size_t used = 0;
  while (*at != '\0') {
    size_t length = utf8_length(at);
    size_t bytes = length == 0 ? 1 : length;
    if (used + bytes >= ITEM_NAME_BYTES) {
      name[used] = '\0';
      name_set_apart(text, name);
      return;
    }
    memcpy(name + used, at, bytes);
    if (length == 0) {
      name[used] = '_';
    } else if (name[used] == '/') {
      name[used] = '-';
    }
    used += bytes;
    at += bytes;
  }
  name[used] = '\0';
}

void name_set_apart(const char *text, char name[ITEM_NAME_BYTES]) {
  size_t at = strlen(name);
  if (at > ITEM_NAME_BYTES - 1 - HASH_BYTES) {
    at = ITEM_NAME_BYTES - 1 - HASH_BYTES;
    while (at > 0 && ((unsigned char)name[at] & 0xc0) == 0x80) {
      at--; /* not through the middle of a character */
    }
  }
  (void)snprintf(name + at, ITEM_NAME_BYTES - at, "-%08x", hash_of(text));
}

void name_of_path(const char *path, char name[ITEM_NAME_BYTES]) {
  if (strcmp(path, "/") == 0) {
    name_clean("root", name);
  } else {
    name_clean(path[0] == '/' ? path + 1 : path, name);
  }
}

void name_of_device(const char *device, char name[ITEM_NAME_BYTES]) {
  static const char prefix[] = "/dev/";
  size_t length = sizeof(prefix) - 1;
  bool has_prefix = strncmp(device, prefix, length) == 0;
  name_clean(has_prefix ? device + length : device, name);
}
