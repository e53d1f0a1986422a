/* SPDX-License-Identifier: MIT */
/* read_mounts: the table of mounts; no file system is touched. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "statgrab/linux/linux_driver.h"

#define FIELD_BYTES 4096 /* PATH_MAX */

static bool is_octal(char c) { return c >= '0' && c <= '7'; }

/* The kernel writes blank, tab, newline, backslash and # as \ooo. */
static bool decode(struct scan_word word, char *field) {
  size_t length = 0;
  if (word.length >= FIELD_BYTES) {
    return false;
  }
  for (size_t i = 0; i < word.length; i++) {
    const char *at = word.text + i;
    bool is_escape = *at == '\\' && word.length - i >= 4 && is_octal(at[1]) &&
                     is_octal(at[2]) && is_octal(at[3]);
    if (is_escape) {
      int byte = (at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0');
      field[length++] = (char)byte;
      i += 3;
    } else {
      field[length++] = *at;
    }
  }
  field[length] = '\0';
  return true;
}

static int take_line(const struct driver *driver, struct scan *line,
                     struct mount_table *table) {
  struct scan_word words[3]; /* device, mount point, type */
  char fields[3][FIELD_BYTES];
  for (size_t i = 0; i < 3; i++) {
    if (!scan_word(line, &words[i]) || !decode(words[i], fields[i])) {
      return 0;
    }
  }
  return mount_table_add(table, fields[0], fields[2], fields[1],
                         driver->root) == NULL
             ? -ENOMEM
             : 0;
}

/* In a chroot the root directory is no mount point, and full nevertheless. */
static int add_root(const struct driver *driver, struct mount_table *table) {
  for (size_t i = 0; i < table->len; i++) {
    if (strcmp(table->rows[i].name, "/") == 0) {
      return 0;
    }
  }
  return mount_table_add(table, "none", "rootfs", "/", driver->root) == NULL
             ? -ENOMEM
             : 0;
}

/* True if the text is what the table was made from: the usual case. */
static bool is_known(const struct driver *driver, const struct scan *text) {
  size_t length = (size_t)(text->end - text->at);
  return driver->mounts_text != NULL && driver->mounts_length == length &&
         memcmp(driver->mounts_text, text->at, length) == 0;
}

static int remember(struct driver *driver, const struct scan *text) {
  size_t length = (size_t)(text->end - text->at);
  char *copy = realloc(driver->mounts_text, length);
  if (copy == NULL) {
    return -ENOMEM;
  }
  memcpy(copy, text->at, length);
  driver->mounts_text = copy;
  driver->mounts_length = length;
  return 0;
}

static void forget(struct driver *driver) {
  free(driver->mounts_text);
  driver->mounts_text = NULL;
  driver->mounts_length = 0;
}

int linux_read_mounts(struct driver *driver, struct mount_table *table,
                      struct error *error) {
  struct scan text, line;
  int code = proc_file_read(&driver->mounts, driver->root, &text, error);
  if (code != 0 || is_known(driver, &text)) {
    return code;
  }
  mount_table_clear(table);
  code = remember(driver, &text);
  while (code == 0 && scan_line(&text, &line)) {
    code = take_line(driver, &line, table);
  }
  if (code == 0) {
    code = add_root(driver, table);
  }
  if (code != 0) {
    forget(driver); /* the table is half of it: make it anew next time */
    return error_set(error, code, "out of memory");
  }
  return 0;
}
