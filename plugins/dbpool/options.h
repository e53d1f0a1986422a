/* SPDX-License-Identifier: MIT */
/* options: what a <Plugin dbpool> block may hold. */
#ifndef DBPOOL_OPTIONS_H
#define DBPOOL_OPTIONS_H

#include "core/option.h"

/* Where a server is and who asks it: the same rows in each block. */
struct endpoint_options {
  char *host;   /* NULL: libpq's default */
  int64_t port; /* 0: the default of libpq or of the service */
  char *service;
  char *database;
  char *user;
  char *pass_file;
  int ssl_mode; /* index into endpoint_ssl_modes; 0: libpq's default */
  char *ssl_root_cert;
  char *ssl_cert;
  char *ssl_key;
  double timeout_s;
};

extern const char *const endpoint_ssl_modes[];

enum pool_order { POOL_ORDER_ANY, POOL_ORDER_FIFO };

struct pool_options {
  struct option_head head;
  struct endpoint_options endpoint;
  struct option_strings applications; /* globs; none: every application */
  struct option_strings roles;        /* globs; none: every role */
  int64_t size;
  int64_t max_overflow; /* -1: no limit */
  double recycle_s;     /* -1: never */
  double timeout_s;
  char *processes; /* a number or "auto" */
  double leak_after_s;
  int order; /* enum pool_order */
  double forecast_window_s;
  int64_t suspects_per_minute;
};

struct bouncer_options {
  struct option_head head;
  struct endpoint_options endpoint;
};

struct dbpool_options {
  struct option_head head;
  struct option_blocks pools;    /* struct pool_options */
  struct option_blocks bouncers; /* struct bouncer_options */
};

extern const struct option_block dbpool_options;

#endif
