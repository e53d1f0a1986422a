/* SPDX-License-Identifier: MIT */
/* read_mounts: /proc/self/mountinfo, which unlike /proc/self/mounts gives each
 * mount a number; no file system is touched. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "statgrab/linux/linux_driver.h"

#define FIELD_BYTES 4096 /* PATH_MAX */

static bool is_octal(char c) { return c >= '0' && c <= '7'; }

/* The kernel writes blank, tab, newline, backslash and # as \ooo. */
static bool decode(struct scan_word word, char field[FIELD_BYTES]) {
  size_t length = 0;
  for (size_t i = 0; i < word.length; i++) {
    const char *at = word.text + i;
    bool is_escape = *at == '\\' && word.length - i >= 4 && is_octal(at[1]) &&
                     is_octal(at[2]) && is_octal(at[3]);
    if (length == FIELD_BYTES - 1) {
      return false;
    }
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

/* Words of a line behind the mount's number. */
struct line {
  struct scan_word point, type, device;
};

/* "36 35 98:0 /of/it /mnt/point rw,noatime master:1 - ext3 /dev/sda1 rw": of
 * the words before the dash there may be more or none, proc(5). A device
 * without a name leaves the next word in its place, which is as good. */
static bool take_words(struct scan *text, struct line *line) {
  struct scan_word word;
  for (size_t i = 0; i < 3; i++) {
    (void)scan_word(text, &word); /* parent, numbers of the device, root */
  }
  if (!scan_word(text, &line->point)) {
    return false;
  }
  do {
    if (!scan_word(text, &word)) {
      return false;
    }
  } while (!scan_word_is(word, "-"));
  return scan_word(text, &line->type) && scan_word(text, &line->device);
}

struct context {
  struct mount_table *table;
  const char *root;
};

static int take_line(struct scan *text, void *facts) {
  const struct context *context = facts;
  uint64_t id;
  struct line line;
  char point[FIELD_BYTES], type[FIELD_BYTES], device[FIELD_BYTES];
  if (!scan_number(text, &id) || !take_words(text, &line) ||
      !decode(line.point, point) || !decode(line.type, type) ||
      !decode(line.device, device)) {
    return -EBADMSG;
  }
  struct mount *mount =
      mount_table_add(context->table, device, type, point, context->root);
  if (mount == NULL) {
    return -ENOMEM;
  }
  mount->id = id;
  return 0;
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
  struct scan text;
  struct context context = {table, driver->root};
  struct proc_file *file = &driver->mountinfo;
  int code = proc_file_read(file, driver->root, &text, error);
  if (code != 0 || is_known(driver, &text)) {
    return code;
  }
  mount_table_clear(table);
  code = linux_take_lines(driver, file, text, take_line, &context, error);
  bool is_full = code != -ENOMEM && add_root(driver, table) == 0;
  if (code != 0 || !is_full || remember(driver, &text) != 0) {
    forget(driver); /* made anew next time */
  }
  return is_full ? code : error_set(error, -ENOMEM, "out of memory");
}
