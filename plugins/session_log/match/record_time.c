/* SPDX-License-Identifier: MIT */
/* record_time: reads the time at which a line was written. */
#include "session_log/match/record_time.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define DAY_S 86400
#define YEAR_S (365 * INT64_C(86400))

struct cursor {
  const char *at;
  const char *end;
};

struct civil {
  int64_t year, month, day, hour, minute, second;
};

static bool skip_char(struct cursor *cursor, char c) {
  if (cursor->at < cursor->end && *cursor->at == c) {
    cursor->at++;
    return true;
  }
  return false;
}

static bool skip_one_of(struct cursor *cursor, const char *set) {
  if (cursor->at < cursor->end && *cursor->at != '\0' &&
      strchr(set, *cursor->at) != NULL) {
    cursor->at++;
    return true;
  }
  return false;
}

/* Exactly DIGITS of them. */
static bool read_digits(struct cursor *cursor, int digits,
                        int64_t *ret_number) {
  int64_t number = 0;
  if (cursor->end - cursor->at < digits) {
    return false;
  }
  for (int i = 0; i < digits; i++) {
    unsigned char c = (unsigned char)cursor->at[i];
    if (!isdigit(c)) {
      return false;
    }
    number = number * 10 + (c - '0');
  }
  cursor->at += digits;
  *ret_number = number;
  return true;
}

static bool is_valid_civil(const struct civil *civil) {
  return civil->year >= 1970 && civil->month >= 1 && civil->month <= 12 &&
         civil->day >= 1 && civil->day <= 31 && civil->hour <= 23 &&
         civil->minute <= 59 && civil->second <= 60;
}

/* Days since 1970-01-01 of the Gregorian calendar (Howard Hinnant's
 * days_from_civil). */
static int64_t days_since_epoch(const struct civil *civil) {
  int64_t year = civil->year - (civil->month <= 2);
  int64_t era = year / 400;
  int64_t year_of_era = year - era * 400;
  int64_t month = civil->month + (civil->month > 2 ? -3 : 9);
  int64_t day_of_year = (153 * month + 2) / 5 + civil->day - 1;
  int64_t day_of_era =
      year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

static int64_t seconds_if_utc(const struct civil *civil) {
  return days_since_epoch(civil) * DAY_S + civil->hour * 3600 +
         civil->minute * 60 + civil->second;
}

/* How far local time is ahead of UTC at at_s. Uses localtime_r() instead of
 * mktime(), which while TZ is not set looks for the zone file at each call and
 * frees the zone that another thread may be reading. */
static int64_t utc_offset_at(int64_t at_s) {
  struct tm local;
  time_t at = (time_t)at_s;
  if (localtime_r(&at, &local) == NULL) {
    return 0;
  }
  const struct civil civil = {local.tm_year + 1900, local.tm_mon + 1,
                              local.tm_mday,        local.tm_hour,
                              local.tm_min,         local.tm_sec};
  return seconds_if_utc(&civil) - at_s;
}

/* Converts a local time, given in seconds as if it were UTC. A time that exists
 * twice or not at all, because clocks are changed, is converted with the offset
 * before the change: the first of two. */
static int64_t convert_local(int64_t local_s) {
  int64_t before_s = utc_offset_at(local_s - DAY_S);
  int64_t after_s = utc_offset_at(local_s + DAY_S);
  bool is_after = utc_offset_at(local_s - before_s) != before_s &&
                  utc_offset_at(local_s - after_s) == after_s;
  return local_s - (is_after ? after_s : before_s);
}

static int64_t seconds_if_local(struct record_time_cache *cache,
                                const struct civil *civil) {
  int64_t local_s = seconds_if_utc(civil);
  int64_t minute = local_s / 60;
  if (cache->minute != minute) {
    cache->start_s = convert_local(minute * 60);
    cache->minute = minute;
  }
  return cache->start_s + local_s % 60;
}

/* "Z", "+01:00", "+0100", "+01", also behind one blank as Ruby writes it. */
static bool read_zone(struct cursor *cursor, int64_t *ret_offset_s) {
  struct cursor ahead = *cursor;
  (void)skip_char(&ahead, ' ');
  int64_t hours = 0;
  int64_t minutes = 0;
  if (skip_char(cursor, 'Z')) {
    *ret_offset_s = 0;
    return true;
  }
  bool is_east = ahead.at < ahead.end && *ahead.at == '+';
  if (!skip_one_of(&ahead, "+-") || !read_digits(&ahead, 2, &hours)) {
    return false;
  }
  (void)skip_char(&ahead, ':');
  (void)read_digits(&ahead, 2, &minutes);
  if (hours > 14 || minutes > 59) {
    return false;
  }
  int64_t offset_s = hours * 3600 + minutes * 60;
  *ret_offset_s = is_east ? offset_s : -offset_s;
  *cursor = ahead;
  return true;
}

static bool read_clock(struct cursor *cursor, struct civil *civil) {
  return read_digits(cursor, 2, &civil->hour) && skip_char(cursor, ':') &&
         read_digits(cursor, 2, &civil->minute) && skip_char(cursor, ':') &&
         read_digits(cursor, 2, &civil->second);
}

/* "2024-01-31 10:00:00,123", "2024-01-31T10:00:00.123456+01:00",
 * "2024/01/31 10:00:00". */
static int read_iso_time(struct record_time_cache *cache, struct cursor cursor,
                         int64_t *ret_s) {
  struct civil civil = {0};
  if (!read_digits(&cursor, 4, &civil.year) || !skip_one_of(&cursor, "-/") ||
      !read_digits(&cursor, 2, &civil.month) || !skip_one_of(&cursor, "-/") ||
      !read_digits(&cursor, 2, &civil.day) || !skip_one_of(&cursor, "T t_") ||
      !read_clock(&cursor, &civil) || !is_valid_civil(&civil)) {
    return -ENOENT;
  }
  if (skip_one_of(&cursor, ".,")) {
    while (cursor.at < cursor.end && isdigit((unsigned char)*cursor.at)) {
      cursor.at++;
    }
  }
  int64_t offset_s = 0;
  bool has_zone = read_zone(&cursor, &offset_s);
  *ret_s = has_zone ? seconds_if_utc(&civil) - offset_s
                    : seconds_if_local(cache, &civil);
  return 0;
}

/* "Jan 31 10:00:00", "Feb  1 10:00:00": without a year. */
static int read_syslog_time(struct record_time_cache *cache,
                            struct cursor cursor, int64_t now_s,
                            int64_t *ret_s) {
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  struct civil civil = {0};
  if (cursor.end - cursor.at < 15) {
    return -ENOENT;
  }
  for (size_t i = 0; i < 12; i++) {
    if (memcmp(cursor.at, months + 3 * i, 3) == 0) {
      civil.month = (int64_t)i + 1;
    }
  }
  cursor.at += 3;
  if (civil.month == 0 || !skip_char(&cursor, ' ') ||
      !(skip_char(&cursor, ' ') ? read_digits(&cursor, 1, &civil.day)
                                : read_digits(&cursor, 2, &civil.day)) ||
      !skip_char(&cursor, ' ') || !read_clock(&cursor, &civil)) {
    return -ENOENT;
  }
  civil.year = 1970 + now_s / YEAR_S; /* at most a year off */
  if (!is_valid_civil(&civil)) {
    return -ENOENT;
  }
  for (; seconds_if_utc(&civil) - now_s > YEAR_S / 2; civil.year--) {
  }
  for (; now_s - seconds_if_utc(&civil) > YEAR_S / 2; civil.year++) {
  }
  *ret_s = seconds_if_local(cache, &civil);
  return 0;
}

/* A JSON number: seconds, milliseconds, micro- or nanoseconds by its size. */
static int read_epoch_number(struct cursor cursor, int64_t *ret_s) {
  int64_t number = 0;
  int digits = 0;
  for (; cursor.at < cursor.end && isdigit((unsigned char)*cursor.at) &&
         digits < 19;
       cursor.at++, digits++) {
    if (digits < 18) {
      number = number * 10 + (*cursor.at - '0');
    }
  }
  if (digits < 9) {
    return -ENOENT;
  }
  for (int extra = (digits > 18 ? 18 : digits) - 10; extra > 0; extra--) {
    number /= 10;
  }
  *ret_s = number;
  return 0;
}

static int read_time_at(struct record_time_cache *cache,
                        const struct cursor *cursor, int64_t now_s,
                        int64_t *ret_s) {
  if (cursor->at == cursor->end) {
    return -ENOENT;
  }
  unsigned char c = (unsigned char)*cursor->at;
  return isdigit(c) ? read_iso_time(cache, *cursor, ret_s)
                    : read_syslog_time(cache, *cursor, now_s, ret_s);
}

/* The first field with the name of a time whose value can be read. */
static int read_json_time(struct record_time_cache *cache, struct cursor cursor,
                          int64_t now_s, int64_t *ret_s) {
  static const char *const names[] = {"\"timestamp\"",  "\"time\"",
                                      "\"@timestamp\"", "\"ts\"",
                                      "\"asctime\"",    "\"datetime\""};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    size_t bytes = strlen(names[i]);
    const char *found =
        memmem(cursor.at, (size_t)(cursor.end - cursor.at), names[i], bytes);
    if (found == NULL) {
      continue;
    }
    struct cursor value = {found + bytes, cursor.end};
    while (skip_one_of(&value, " :")) {
    }
    int code = skip_char(&value, '"')
                   ? read_time_at(cache, &value, now_s, ret_s)
                   : read_epoch_number(value, ret_s);
    if (code == 0) {
      return 0;
    }
  }
  return -ENOENT;
}

int record_time_read(struct record_time_cache *cache, const char *line,
                     size_t bytes, int64_t now_s, int64_t *ret_s) {
  struct cursor cursor = {line, line + bytes};
  while (cursor.at < cursor.end && *cursor.at == '\0') {
    cursor.at++; /* from a hole in the file */
  }
  if (cursor.end - cursor.at >= 3 &&
      memcmp(cursor.at, "\xef\xbb\xbf", 3) == 0) {
    cursor.at += 3;
  }
  if (cursor.at < cursor.end && *cursor.at == '{') {
    return read_json_time(cache, cursor, now_s, ret_s);
  }
  (void)skip_char(&cursor, '[');
  if (skip_char(&cursor, '<')) { /* syslog's priority, and RFC 5424's version */
    while (cursor.at < cursor.end && isdigit((unsigned char)*cursor.at)) {
      cursor.at++;
    }
    (void)skip_char(&cursor, '>');
    struct cursor version = cursor;
    if (skip_char(&version, '1') && skip_char(&version, ' ')) {
      cursor = version;
    }
  }
  return read_time_at(cache, &cursor, now_s, ret_s);
}
