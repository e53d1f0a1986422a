/* SPDX-License-Identifier: MIT */
/* options: the configuration of dbpool, and the sinks for what it finds. */
#pragma once

#include <math.h>

#include "core/log.h"
#include "core/metric.h"
#include "core/notification.h"
#include "core/option.h"

/* How to connect to a server: the same rows in each block. */
struct dbpool_endpoint_options {
  char *host;   /* NULL: libpq's default */
  int64_t port; /* 0: the default of libpq or of the service */
  char *service;
  char *database;
  char *user;
  char *pass_file;
  int ssl_mode; /* index into dbpool_ssl_modes; 0: libpq's default */
  char *ssl_root_cert;
  char *ssl_cert;
  char *ssl_key;
  double timeout_s;
};

extern const char *const dbpool_ssl_modes[];

enum dbpool_pool_order { DBPOOL_ORDER_ANY, DBPOOL_ORDER_FIFO };

struct dbpool_pool_options {
  struct option_head head;
  struct dbpool_endpoint_options endpoint;
  struct option_strings applications; /* globs; none: every application */
  struct option_strings roles;        /* globs; none: every role */
  int64_t size;
  int64_t max_overflow; /* -1: no limit */
  int64_t minimum;
  int64_t maximum;  /* 0: size and max_overflow count instead */
  double recycle_s; /* -1: never */
  double timeout_s;
  char *processes; /* a number or "auto" */
  double leak_after_s;
  int order; /* enum dbpool_pool_order */
  double forecast_window_s;
  int64_t leak_notifications_per_minute;
  bool leak_query_literals;
};

struct dbpool_pgbouncer_options {
  struct option_head head;
  struct dbpool_endpoint_options endpoint;
};

struct dbpool_options {
  struct option_head head;
  struct option_blocks pools;      /* struct dbpool_pool_options */
  struct option_blocks pgbouncers; /* struct dbpool_pgbouncer_options */
};

extern const struct option_block dbpool_options;

/* True if sessions of both pools can be read through one connection. */
bool dbpool_is_same_server(const struct dbpool_endpoint_options *a,
                           const struct dbpool_endpoint_options *b);

/* The pool that a log of that name is about: the one of that name, or the only
 * one. NULL if neither. */
const struct dbpool_pool_options *
dbpool_find_pool(const struct dbpool_options *options, const char *log);

/* The most connections of one process; 0: no limit. */
int64_t dbpool_max_connections(const struct dbpool_pool_options *pool);

/* The settings of its pool that an application logs when the pool is exhausted:
 * "QueuePool limit of size 10 overflow 20 reached, connection timed out,
 * timeout 30.00". NaN where it logged none. */
struct dbpool_logged_settings {
  double pool_size;
  double max_overflow;
  double timeout_s;
};

/* True if the logged settings differ from the configured ones. text: at most
 * BYTES with the NUL: "PoolSize 10 (logged: 20), ...". */
bool dbpool_settings_differ(const struct dbpool_pool_options *pool,
                            const struct dbpool_logged_settings *logged,
                            char *text, size_t bytes);

/* Where values, notifications and log lines go. */
struct dbpool_sinks {
  struct sample_sink samples;
  struct notification_sink notifications;
  struct log_sink log;
};

/* A value to send. */
struct dbpool_value {
  const char *type;
  const char *type_instance;
  double value; /* HUGE_VAL: unknown or unlimited, not sent */
};

/* A count as a value; negative or INT64_MAX: not sent. */
static inline double dbpool_count_to_value(int64_t count) {
  return count < 0 || count == INT64_MAX ? HUGE_VAL : (double)count;
}

/* instance: of the plugin, the name of a pool. */
static inline void dbpool_send_values(const struct dbpool_sinks *sinks,
                                      const char *instance,
                                      const struct dbpool_value *values,
                                      size_t len) {
  for (size_t i = 0; i < len; i++) {
    if (values[i].value < HUGE_VAL || isnan(values[i].value)) {
      sample_put_gauge(&sinks->samples, instance, values[i].type,
                       values[i].type_instance, values[i].value);
    }
  }
}
