/* SPDX-License-Identifier: MIT */
/* options: what a <Plugin session_log> block may hold. */
#include "session_log/options.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "session_log/scan/pattern.h"
#include "session_log/sessions/floor.h"

#define AT(field) offsetof(struct log_options, field)

static const char *const starts[] = {"end", "beginning", NULL};

static int check_path(const char *value, struct error *error) {
  return value[0] == '/'
             ? 0
             : error_set(error, -EINVAL, "must be an absolute path");
}

static int check_name(const char *label, struct error *error) {
  if (label[0] == '.' || strchr(label, '/') != NULL || strlen(label) > 63) {
    return error_set(error, -EINVAL,
                     "the name must not begin with a dot, hold a slash or be "
                     "longer than 63 characters");
  }
  return 0;
}

static int check_log(const void *target, struct error *error) {
  const struct log_options *log = target;
  if (log->pid != NULL && log->session == NULL) {
    return error_set(error, -EINVAL,
                     "Pid has no effect without Session; add Session "
                     "\"session=(\\\\w+)\"");
  }
  if (log->files.len == 0) {
    return error_set(error, -EINVAL,
                     "File is missing: write File \"/var/log/app/app.log\"");
  }
  return 0;
}

static const struct option log_rows[] = {
    {.name = "File",
     .kind = OPTION_STRINGS,
     .offset = AT(files),
     .is_required = true,
     .check = check_path,
     .example = "\"/var/log/app/app.log\"",
     .help = "The files that the application writes; C<*>, C<?> and C<[...]> "
             "match names. Rotated files beside them (C<app.log.1>, "
             "C<app.log-20240131>, C<app.2024-01-31.log>) are found without "
             "being named, compressed ones are left out. A file that is there "
             "when the log is followed for the first time is read from its "
             "end, one that appears later from its beginning."},
    {.name = "Opened",
     .kind = OPTION_STRING,
     .offset = AT(opened),
     .default_text = "Creating new database session",
     .check = pattern_check_filtered,
     .help = "Stands in the line that is written when a session is opened. "
             "This and every other pattern is a text, or a Perl-compatible "
             "regular expression that holds a text of three or more "
             "characters."},
    {.name = "Closed",
     .kind = OPTION_STRING,
     .offset = AT(closed),
     .default_text = "Closing database session",
     .check = pattern_check_filtered,
     .help = "Stands in the line that is written when a session is closed."},
    {.name = "Failed",
     .kind = OPTION_STRING,
     .offset = AT(failed),
     .default_text = "Database session error",
     .check = pattern_check_filtered,
     .help = "Stands in the line that is written when a session's work "
             "failed; its close should follow."},
    {.name = "Error",
     .kind = OPTION_STRING,
     .offset = AT(error),
     .check = pattern_check_filtered,
     .example = "\"\\\\b(ERROR|CRITICAL)\\\\b\"",
     .help = "Stands in the lines that count as errors. Without this option "
             "the level of a line decides: ERROR, CRITICAL, FATAL and the like "
             "in the level field of a JSON line, or as the first level word of "
             "a text line."},
    {.name = "Restart",
     .kind = OPTION_STRING,
     .offset = AT(restart),
     .check = pattern_check_filtered,
     .example = "\"Application startup complete\"",
     .help = "Stands in the line that the application (with B<Pid>: a worker) "
             "writes when it starts: the sessions of its former life are "
             "gone."},
    {.name = "TimedOut",
     .kind = OPTION_STRING,
     .offset = AT(timed_out),
     .default_text = "QueuePool limit of size",
     .check = pattern_check_filtered,
     .help = "Stands in the line that tells of a caller who waited in vain for "
             "a connection. Size, overflow and timeout of SQLAlchemy's message "
             "are handed on in a notification."},
    {.name = "Session",
     .kind = OPTION_STRING,
     .offset = AT(session),
     .check = pattern_check,
     .example = "\"session=(\\\\w+)\"",
     .help = "Finds a session's name in a line: the first group. With names "
             "each session is known by itself: what is open is exact, and a "
             "leak is found by age."},
    {.name = "Pid",
     .kind = OPTION_STRING,
     .offset = AT(pid),
     .check = pattern_check,
     .example = "\"pid=(\\\\d+)\"",
     .help = "Finds the number of the worker process in a line, where several "
             "workers write into one log and their session names may be the "
             "same."},
    {.name = "LeakAfter",
     .kind = OPTION_INTEGER,
     .offset = AT(leak_after_s),
     .min = 0,
     .max = 604800,
     .default_text = "1800",
     .unit = "seconds",
     .help = "A session with a name that is open for longer counts as leaked; "
             "0: names make no leak."},
    {.name = "CloseWithin",
     .kind = OPTION_INTEGER,
     .offset = AT(close_within_s),
     .min = 1,
     .max = 86400,
     .default_text = "30",
     .unit = "seconds",
     .help = "After an error the close must follow within this time."},
    {.name = "ForgetAfter",
     .kind = OPTION_INTEGER,
     .offset = AT(forget_after_s),
     .min = 60,
     .max = 31536000,
     .default_text = "86400",
     .unit = "seconds",
     .help = "A session with a name that is open for longer is forgotten: its "
             "worker has died without a word."},
    {.name = "LeakWindow",
     .kind = OPTION_INTEGER,
     .offset = AT(floor_window_s),
     .min = 1,
     .max = 86400,
     .default_text = "600",
     .unit = "seconds",
     .help = "Without names a leak is what lifts the floor: the lowest value "
             "that opened minus closed falls back to in each window of this "
             "length."},
    {.name = "LeakWindows",
     .kind = OPTION_INTEGER,
     .offset = AT(floor_windows),
     .min = 2,
     .max = FLOOR_WINDOWS_MAX,
     .default_text = "4",
     .unit = "windows",
     .help = "The floor must rise from window to window for so many windows."},
    {.name = "LeakMinRise",
     .kind = OPTION_INTEGER,
     .offset = AT(floor_rise),
     .min = 1,
     .max = 1000000,
     .default_text = "10",
     .unit = "sessions",
     .help = "The floor must rise by so many sessions in these windows "
             "together."},
    {.name = "LeakMinRatio",
     .kind = OPTION_NUMBER,
     .offset = AT(floor_ratio),
     .min = 0,
     .max = 1,
     .default_text = "0.0005",
     .help = "The floor must rise by this part of the sessions that were "
             "opened in these windows."},
    {.name = "MaxSessions",
     .kind = OPTION_INTEGER,
     .offset = AT(max_sessions),
     .min = 1,
     .max = 16777216,
     .default_text = "65536",
     .unit = "sessions",
     .help = "So many are known by name at one time; the others are counted "
             "only."},
    {.name = "RotateWait",
     .kind = OPTION_INTEGER,
     .offset = AT(rotate_wait_s),
     .min = 0,
     .max = 3600,
     .default_text = "60",
     .unit = "seconds",
     .help = "A rotated file is read for so long, for writers that have not "
             "opened the new one yet."},
    {.name = "MaxLineBytes",
     .kind = OPTION_INTEGER,
     .offset = AT(max_line_bytes),
     .min = 1024,
     .max = 16777216,
     .default_text = "1048576",
     .unit = "bytes",
     .help = "What follows in a longer line is not searched; the line counts "
             "as long_lines."},
    {.name = "MaxReadBytes",
     .kind = OPTION_INTEGER,
     .offset = AT(max_read_bytes),
     .min = 65536,
     .max = 1099511627776.0,
     .default_text = "1073741824",
     .unit = "bytes",
     .help = "Of one file at one interval; what is left over waits for the "
             "next and is told as lag."},
    {.name = "StartAt",
     .kind = OPTION_WORD,
     .offset = AT(start_at),
     .words = starts,
     .default_text = "end",
     .help = "Where to begin in files that are there when the log is followed "
             "for the first time."},
};

static const struct option_block log_block = {
    .name = "Log",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .size = sizeof(struct log_options),
    .help = "One log, in one file or in several; the name is the plugin "
            "instance of its values.",
    .options = log_rows,
    .options_len = OPTION_COUNT(log_rows),
    .check_label = check_name,
    .check = check_log,
};

static const struct option option_rows[] = {
    {.name = "StateDir",
     .kind = OPTION_STRING,
     .offset = offsetof(struct session_log_options, state_dir),
     .default_text = "/var/lib/collectd/session_log",
     .check = check_path,
     .help = "Holds one file a log: how far it was read and what was counted, "
             "so that a restart neither loses a line nor counts one twice. "
             "Created if missing."},
    {.name = "MaxReadsPerSecond",
     .kind = OPTION_INTEGER,
     .offset = offsetof(struct session_log_options, max_rate),
     .min = 0,
     .max = 1000,
     .default_text = "20",
     .unit = "reads a second",
     .help = "Where the system tells that a file was written to, it is read "
             "at once, at most so often; new errors and leaks are then told "
             "without waiting for the interval. 0: only at the interval."},
    {.name = "Log",
     .kind = OPTION_BLOCK,
     .offset = offsetof(struct session_log_options, logs),
     .block = &log_block},
};

const struct option_block session_log_options = {
    .name = "session_log",
    .size = sizeof(struct session_log_options),
    .help = "Follows application logs and tells what they say about database "
            "sessions and errors.",
    .options = option_rows,
    .options_len = OPTION_COUNT(option_rows),
};
