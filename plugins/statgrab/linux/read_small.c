/* SPDX-License-Identifier: MIT */
/* read_small: files of a line or two: load, uptime, open files, users. */
#include <errno.h>
#include <string.h>
#include <utmp.h>

#include "statgrab/linux/linux_driver.h"

int linux_read_load(struct driver *driver, struct load_facts *facts,
                    struct error *error) {
  struct scan text, line;
  int code = proc_file_read(&driver->loadavg, driver->root, &text, error);
  if (code != 0) {
    return code;
  }
  bool is_good = scan_line(&text, &line) &&
                 scan_fraction(&line, &facts->minutes_1) &&
                 scan_fraction(&line, &facts->minutes_5) &&
                 scan_fraction(&line, &facts->minutes_15);
  return is_good ? 0 : linux_refuse(driver, &driver->loadavg, "load", error);
}

int linux_read_uptime(struct driver *driver, double *ret_uptime_s,
                      struct error *error) {
  struct scan text, line;
  int code = proc_file_read(&driver->uptime, driver->root, &text, error);
  if (code != 0) {
    return code;
  }
  return scan_line(&text, &line) && scan_fraction(&line, ret_uptime_s)
             ? 0
             : linux_refuse(driver, &driver->uptime, "uptime", error);
}

int linux_read_handles(struct driver *driver, struct handle_facts *facts,
                       struct error *error) {
  struct scan text, line;
  int code = proc_file_read(&driver->file_nr, driver->root, &text, error);
  if (code != 0) {
    return code;
  }
  bool is_good = scan_line(&text, &line) && scan_number(&line, &facts->used) &&
                 scan_number(&line, &facts->unused) &&
                 scan_number(&line, &facts->max);
  return is_good ? 0 : linux_refuse(driver, &driver->file_nr, "limit", error);
}

/* Debian 13 has no such file any more: nobody is logged in, then. */
int linux_read_users(struct driver *driver, uint64_t *ret_users,
                     struct error *error) {
  struct scan text;
  int code = proc_file_read(&driver->utmp, driver->root, &text, error);
  *ret_users = 0;
  if (code == -ENOENT || code == -ENODATA) {
    return 0;
  }
  while (code == 0 && (size_t)(text.end - text.at) >= sizeof(struct utmp)) {
    struct utmp entry;
    memcpy(&entry, text.at, sizeof(entry));
    text.at += sizeof(entry);
    *ret_users += entry.ut_type == USER_PROCESS && entry.ut_user[0] != '\0';
  }
  return code;
}
