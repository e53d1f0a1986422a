/* SPDX-License-Identifier: MIT */
/* timestamp: when a line says that it was written. */
#include "session_log/scan/timestamp.h"

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

static bool take(struct cursor *cursor, char c) {
  if (cursor->at < cursor->end && *cursor->at == c) {
    cursor->at++;
    return true;
  }
  return false;
}

static bool take_any(struct cursor *cursor, const char *set) {
  if (cursor->at < cursor->end && *cursor->at != '\0' &&
      strchr(set, *cursor->at) != NULL) {
    cursor->at++;
    return true;
  }
  return false;
}

/* Exactly DIGITS of them. */
static bool take_number(struct cursor *cursor, int digits,
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

static bool is_valid(const struct civil *civil) {
  return civil->year >= 1970 && civil->month >= 1 && civil->month <= 12 &&
         civil->day >= 1 && civil->day <= 31 && civil->hour <= 23 &&
         civil->minute <= 59 && civil->second <= 60;
}

/* Days since 1970-01-01 of the Gregorian calendar (Howard Hinnant's
 * days_from_civil). */
static int64_t days_of(const struct civil *civil) {
  int64_t year = civil->year - (civil->month <= 2);
  int64_t era = year / 400;
  int64_t year_of_era = year - era * 400;
  int64_t month = civil->month + (civil->month > 2 ? -3 : 9);
  int64_t day_of_year = (153 * month + 2) / 5 + civil->day - 1;
  int64_t day_of_era =
      year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

static int64_t as_utc(const struct civil *civil) {
  return days_of(civil) * DAY_S + civil->hour * 3600 + civil->minute * 60 +
         civil->second;
}

/* What local clocks are ahead of UTC at at_s. localtime_r() and not mktime():
 * that one, as tzset(), looks for the zone file at each call while TZ is not
 * set, and frees the zone that another thread may be reading. */
static int64_t utc_offset_at(int64_t at_s) {
  struct tm local;
  time_t at = (time_t)at_s;
  if (localtime_r(&at, &local) == NULL) {
    return 0;
  }
  const struct civil civil = {local.tm_year + 1900, local.tm_mon + 1,
                              local.tm_mday,        local.tm_hour,
                              local.tm_min,         local.tm_sec};
  return as_utc(&civil) - at_s;
}

/* The time at which local clocks show local_s, as if they were UTC's. Where
 * clocks are changed an hour comes twice or never: the offset before the change
 * decides, so that it is the first of two. */
static int64_t find_local(int64_t local_s) {
  int64_t before_s = utc_offset_at(local_s - DAY_S);
  int64_t after_s = utc_offset_at(local_s + DAY_S);
  bool is_after = utc_offset_at(local_s - before_s) != before_s &&
                  utc_offset_at(local_s - after_s) == after_s;
  return local_s - (is_after ? after_s : before_s);
}

static int64_t as_local(struct timestamp_cache *cache,
                        const struct civil *civil) {
  int64_t local_s = as_utc(civil);
  int64_t minute = local_s / 60;
  if (cache->minute != minute) {
    cache->start_s = find_local(minute * 60);
    cache->minute = minute;
  }
  return cache->start_s + local_s % 60;
}

/* "Z", "+01:00", "+0100", "+01", also behind one blank as Ruby writes it. */
static bool take_zone(struct cursor *cursor, int64_t *ret_offset_s) {
  struct cursor ahead = *cursor;
  (void)take(&ahead, ' ');
  int64_t hours = 0;
  int64_t minutes = 0;
  if (take(cursor, 'Z')) {
    *ret_offset_s = 0;
    return true;
  }
  bool is_east = ahead.at < ahead.end && *ahead.at == '+';
  if (!take_any(&ahead, "+-") || !take_number(&ahead, 2, &hours)) {
    return false;
  }
  (void)take(&ahead, ':');
  (void)take_number(&ahead, 2, &minutes);
  if (hours > 14 || minutes > 59) {
    return false;
  }
  int64_t offset_s = hours * 3600 + minutes * 60;
  *ret_offset_s = is_east ? offset_s : -offset_s;
  *cursor = ahead;
  return true;
}

static bool take_clock(struct cursor *cursor, struct civil *civil) {
  return take_number(cursor, 2, &civil->hour) && take(cursor, ':') &&
         take_number(cursor, 2, &civil->minute) && take(cursor, ':') &&
         take_number(cursor, 2, &civil->second);
}

/* Whether a zone begins AT: what take_zone() would look at. */
static bool may_be_zone(const char *at) {
  at += *at == ' ';
  return *at == 'Z' ||
         ((*at == '+' || *at == '-') && isdigit((unsigned char)at[1]));
}

/* For lines that begin with the same second and go on with the same zone, or
 * with none. */
static void keep(struct timestamp_cache *cache, const char *start,
                 const struct cursor *zone, bool has_zone, int64_t at_s) {
  size_t bytes = (size_t)(zone->end - start);
  cache->zone_at = (size_t)(zone->at - start);
  if (bytes < cache->zone_at + TIMESTAMP_ZONE_BYTES) {
    cache->zone_at = 0;
    return;
  }
  cache->has_zone = has_zone;
  cache->at_s = at_s;
  memcpy(cache->prefix, start, TIMESTAMP_PREFIX_BYTES);
  memcpy(cache->zone, zone->at, TIMESTAMP_ZONE_BYTES);
}

/* "2024-01-31 10:00:00,123", "2024-01-31T10:00:00.123456+01:00",
 * "2024/01/31 10:00:00". */
static int read_iso(struct timestamp_cache *cache, struct cursor cursor,
                    int64_t *ret_s) {
  struct civil civil = {0};
  const char *start = cursor.at;
  if (!take_number(&cursor, 4, &civil.year) || !take_any(&cursor, "-/") ||
      !take_number(&cursor, 2, &civil.month) || !take_any(&cursor, "-/") ||
      !take_number(&cursor, 2, &civil.day) || !take_any(&cursor, "T t_") ||
      !take_clock(&cursor, &civil) || !is_valid(&civil)) {
    return -ENOENT;
  }
  if (take_any(&cursor, ".,")) {
    while (cursor.at < cursor.end && isdigit((unsigned char)*cursor.at)) {
      cursor.at++;
    }
  }
  int64_t offset_s = 0;
  struct cursor zone = cursor;
  bool has_zone = take_zone(&cursor, &offset_s);
  *ret_s = has_zone ? as_utc(&civil) - offset_s : as_local(cache, &civil);
  keep(cache, start, &zone, has_zone, *ret_s);
  return 0;
}

static bool is_kept(const struct timestamp_cache *cache,
                    const struct cursor *cursor) {
  if (cache->zone_at == 0 ||
      (size_t)(cursor->end - cursor->at) <
          cache->zone_at + TIMESTAMP_ZONE_BYTES ||
      memcmp(cursor->at, cache->prefix, TIMESTAMP_PREFIX_BYTES) != 0) {
    return false;
  }
  const char *zone = cursor->at + cache->zone_at;
  return cache->has_zone ? memcmp(zone, cache->zone, TIMESTAMP_ZONE_BYTES) == 0
                         : zone[0] == cache->zone[0] && !may_be_zone(zone);
}

/* "Jan 31 10:00:00", "Feb  1 10:00:00": the year is not told. */
static int read_syslog(struct timestamp_cache *cache, struct cursor cursor,
                       int64_t now_s, int64_t *ret_s) {
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
  if (civil.month == 0 || !take(&cursor, ' ') ||
      !(take(&cursor, ' ') ? take_number(&cursor, 1, &civil.day)
                           : take_number(&cursor, 2, &civil.day)) ||
      !take(&cursor, ' ') || !take_clock(&cursor, &civil)) {
    return -ENOENT;
  }
  civil.year = 1970 + now_s / YEAR_S; /* at most a year off */
  if (!is_valid(&civil)) {
    return -ENOENT;
  }
  for (; as_utc(&civil) - now_s > YEAR_S / 2; civil.year--) {
  }
  for (; now_s - as_utc(&civil) > YEAR_S / 2; civil.year++) {
  }
  *ret_s = as_local(cache, &civil);
  return 0;
}

/* A JSON number: seconds, milliseconds, micro- or nanoseconds by its size. */
static int read_epoch(struct cursor cursor, int64_t *ret_s) {
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

static int read_at_start(struct timestamp_cache *cache,
                         const struct cursor *cursor, int64_t now_s,
                         int64_t *ret_s) {
  if (is_kept(cache, cursor)) {
    *ret_s = cache->at_s;
    return 0;
  }
  if (cursor->at == cursor->end) {
    return -ENOENT;
  }
  unsigned char c = (unsigned char)*cursor->at;
  return isdigit(c) ? read_iso(cache, *cursor, ret_s)
                    : read_syslog(cache, *cursor, now_s, ret_s);
}

static int read_json(struct timestamp_cache *cache, struct cursor cursor,
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
    while (take_any(&value, " :")) {
    }
    int code = take(&value, '"') ? read_at_start(cache, &value, now_s, ret_s)
                                 : read_epoch(value, ret_s);
    if (code == 0) {
      return 0;
    }
  }
  return -ENOENT;
}

int timestamp_read(struct timestamp_cache *cache, const char *line,
                   size_t bytes, int64_t now_s, int64_t *ret_s) {
  struct cursor cursor = {line, line + bytes};
  while (cursor.at < cursor.end && *cursor.at == '\0') {
    cursor.at++; /* what a hole left */
  }
  if (cursor.end - cursor.at >= 3 &&
      memcmp(cursor.at, "\xef\xbb\xbf", 3) == 0) {
    cursor.at += 3;
  }
  if (cursor.at < cursor.end && *cursor.at == '{') {
    return read_json(cache, cursor, now_s, ret_s);
  }
  (void)take(&cursor, '[');
  if (take(&cursor, '<')) { /* syslog's priority, and RFC 5424's version */
    while (cursor.at < cursor.end && isdigit((unsigned char)*cursor.at)) {
      cursor.at++;
    }
    (void)take(&cursor, '>');
    struct cursor version = cursor;
    if (take(&version, '1') && take(&version, ' ')) {
      cursor = version;
    }
  }
  return read_at_start(cache, &cursor, now_s, ret_s);
}
