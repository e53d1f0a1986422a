/* SPDX-License-Identifier: MIT */
/* read_mounts: the list of mounts from /proc/self/mountinfo, which unlike
 * /proc/self/mounts gives each mount a number. No file system is accessed. */
#include <errno.h>
#include <string.h>

#include "statgrab/linux/linux_read.h"

#define FIELD_BYTES 4096 /* PATH_MAX */

static bool is_octal_digit(char c) { return c >= '0' && c <= '7'; }

/* The kernel writes blank, tab, newline, backslash and # as \ooo. */
static bool decode_field(struct scan word, char field[FIELD_BYTES]) {
  size_t length = 0;
  for (const char *at = word.at; at < word.end; at++) {
    bool is_escape = *at == '\\' && word.end - at >= 4 &&
                     is_octal_digit(at[1]) && is_octal_digit(at[2]) &&
                     is_octal_digit(at[3]);
    if (length == FIELD_BYTES - 1) {
      return false;
    }
    if (is_escape) {
      int byte = (at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0');
      field[length++] = (char)byte;
      at += 3;
    } else {
      field[length++] = *at;
    }
  }
  field[length] = '\0';
  return true;
}

/* What a line is added to; root: prefix of the paths. */
struct mount_context {
  struct stats_mount_table *table;
  const char *root;
};

/* "36 35 98:0 /of/it /mnt/point rw,noatime master:1 - ext3 /dev/sda1 rw"; the
 * number of words before the dash varies, proc_pid_mountinfo(5). Where the
 * device has no name the next word is read instead, which does no harm. */
static int parse_mount_line(struct scan *text, void *argument) {
  const struct mount_context *context = argument;
  uint64_t id;
  struct scan word;
  char point[FIELD_BYTES], type[FIELD_BYTES], device[FIELD_BYTES];
  bool is_good = scan_number(text, &id);
  for (size_t i = 0; i < 3; i++) {
    (void)scan_word(text, &word); /* parent, numbers of the device, root */
  }
  is_good = is_good && scan_word(text, &word) && decode_field(word, point);
  do {
    is_good = is_good && scan_word(text, &word);
  } while (is_good && !scan_word_is(word, "-"));
  if (!is_good || !scan_word(text, &word) || !decode_field(word, type) ||
      !scan_word(text, &word) || !decode_field(word, device)) {
    return -EBADMSG;
  }
  struct stats_mount *mount =
      stats_mount_add(context->table, device, type, point, context->root);
  if (mount == NULL) {
    return -ENOMEM;
  }
  mount->id = id;
  return 0;
}

/* In a chroot the root directory is not a mount point, but can fill up. */
static int add_root_mount(const struct source_driver *driver,
                          struct stats_mount_table *table) {
  for (size_t i = 0; i < table->len; i++) {
    if (strcmp(table->rows[i].name, "/") == 0) {
      return 0;
    }
  }
  return stats_mount_add(table, "none", "rootfs", "/", driver->root) == NULL
             ? -ENOMEM
             : 0;
}

/* The table is made anew only where the text has changed: it seldom does, and
 * a new generation has all file systems selected and named again. */
int linux_read_mounts(struct source_driver *driver,
                      struct stats_mount_table *table, struct error *error) {
  struct scan text;
  struct mount_context context = {table, driver->root};
  int code = linux_read_text(driver, LINUX_MOUNTINFO, &text, error);
  struct file_content *now = &driver->files[LINUX_MOUNTINFO].content;
  if (code != 0 || (driver->mounts.bytes == now->bytes &&
                    memcmp(driver->mounts.data, now->data, now->bytes) == 0)) {
    return code;
  }
  stats_mount_table_clear(table);
  code = linux_read_parse_lines(driver, LINUX_MOUNTINFO, text, parse_mount_line,
                                &context, error);
  bool is_complete = code != -ENOMEM && add_root_mount(driver, table) == 0;
  struct file_content last = driver->mounts;
  driver->mounts = *now;
  *now = last;
  if (code != 0 || !is_complete) {
    driver->mounts.bytes = 0; /* no file is empty: made again next time */
  }
  return is_complete ? code : error_set(error, -ENOMEM, "out of memory");
}
