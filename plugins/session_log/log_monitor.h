/* SPDX-License-Identifier: MIT */
/* log_monitor: one <Log> at work: its files in; values and notifications out.
 */
#pragma once

#include <stdbool.h>

#include "core/error.h"
#include "core/log.h"
#include "core/metric.h"
#include "session_log/notification_list.h"
#include "session_log/options.h"
#include "session_log/state_file.h"
#include "session_log/tail/tail.h"

struct log_monitor; /* not thread-safe: several threads need a lock */

/* Makes the monitor for OPTIONS; both are borrowed. Reads no log yet.
 * Returns 0; -EINVAL with the reason; -ENOMEM. */
int log_monitor_new(const struct log_options *options,
                    const struct log_sink *log,
                    struct log_monitor **ret_monitor, struct error *error);
void log_monitor_free(struct log_monitor *monitor); /* accepts NULL */

/* Scans the directories and reads the new lines of all files. Files that cannot
 * be read are logged. Returns 0 or -ENOMEM. */
int log_monitor_poll(struct log_monitor *monitor, const struct tail_time *now);

/* The same after the events that the watch has for the log: where they are
 * writes to known files, only these are read. */
int log_monitor_poll_events(struct log_monitor *monitor,
                            const struct tail_time *now);

/* Each poll from now on sets what WATCH (borrowed) watches for the log number
 * LOG. */
void log_monitor_set_watch(struct log_monitor *monitor,
                           struct file_watch *watch, size_t log);

/* Counts the lines in DATA as if they had been read from the file at PATH. */
void log_monitor_add_lines(struct log_monitor *monitor, const char *path,
                           const char *data, size_t bytes, bool is_fresh);

/* Hands all values to the sink but those of log_monitor_publish_alarms(). */
void log_monitor_publish(struct log_monitor *monitor,
                         const struct sample_sink *sink);

/* Hands over the values that alert: leaked, unclosed after an error, the error
 * rate. Begins a new window for the peak of that rate. */
void log_monitor_publish_alarms(struct log_monitor *monitor,
                                const struct tail_time *now,
                                const struct sample_sink *sink);

/* True if one of them has got worse since they were handed over. */
bool log_monitor_has_new_alarm(const struct log_monitor *monitor);

/* Moves what was found since the last poll and is to be sent out of the
 * monitor: sessions that leak, an exhausted pool. *ret_notifications: yours,
 * notification_list_send_and_free(). */
void log_monitor_take_notifications(
    struct log_monitor *monitor, struct notification_list *ret_notifications);

/* Restores DIRECTORY/NAME.state (borrowed) into a monitor that has not polled
 * yet. An invalid file is moved aside and logged; the log is then followed as
 * for the first time. Returns 0; -EAGAIN for a file that cannot be read, for a
 * minute: try again; -ENOMEM. */
int log_monitor_load_state(struct log_monitor *monitor, const char *directory,
                           const struct tail_time *now);

/* Writes the record into that file, unless it is the one written last. A
 * failure is logged, and tried again at the next call. Unlike the others, this
 * may run while another thread uses the monitor; only one thread may write. */
void log_monitor_write_record(struct log_monitor *monitor,
                              const struct state_file_record *record,
                              int64_t mono_ms);

/* Save and load the record in that file. log_monitor_restore_record() returns
 * 0; -EINVAL for an invalid record, and the monitor is as new; -ENOMEM. */
void log_monitor_fill_record(struct log_monitor *monitor, int64_t now_ms,
                             struct state_file_record *record);
int log_monitor_restore_record(struct log_monitor *monitor, int64_t now_ms,
                               struct state_file_record *record);

/* Forgets all that was counted and read. Returns 0 or -ENOMEM. */
int log_monitor_reset(struct log_monitor *monitor);
