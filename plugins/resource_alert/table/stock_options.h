/* SPDX-License-Identifier: MIT */
/* stock_options: the blocks of collectd's own threshold plugin, as they are. */
#ifndef RESOURCE_ALERT_TABLE_STOCK_OPTIONS_H
#define RESOURCE_ALERT_TABLE_STOCK_OPTIONS_H

#include "core/option.h"

/* <Type>. Limits: NaN where none is set. */
struct stock_type_options {
  struct option_head head;
  char *instance; /* NULL: any */
  char *source;   /* NULL: any */
  double warning_min, warning_max;
  double failure_min, failure_max;
  double hysteresis;
  int64_t hits;
  bool is_inverted;
  bool is_percentage;
  bool is_persistent;
  bool is_okay_persistent;
  bool is_interesting;
};

/* <Plugin>. */
struct stock_plugin_options {
  struct option_head head;
  char *instance;             /* NULL: any */
  struct option_blocks types; /* struct stock_type_options */
};

/* <Host>. */
struct stock_host_options {
  struct option_head head;
  struct option_blocks plugins; /* struct stock_plugin_options */
  struct option_blocks types;   /* struct stock_type_options */
};

/* What may stand in <Plugin threshold>. */
struct stock_options {
  struct option_blocks hosts;
  struct option_blocks plugins;
  struct option_blocks types;
};

extern const struct option_block stock_host_block;
extern const struct option_block stock_plugin_block;
extern const struct option_block stock_type_block;

/* The rules of the outermost table. outer: its struct's tag; member: its field
 * of struct stock_options. */
#define STOCK_OPTION_ROWS(outer, member)                                       \
  {.name = "Host",                                                             \
   .kind = OPTION_BLOCK,                                                       \
   .offset = offsetof(struct outer, member.hosts),                             \
   .block = &stock_host_block},                                                \
      {.name = "Plugin",                                                       \
       .kind = OPTION_BLOCK,                                                   \
       .offset = offsetof(struct outer, member.plugins),                       \
       .block = &stock_plugin_block},                                          \
  {                                                                            \
    .name = "Type", .kind = OPTION_BLOCK,                                      \
    .offset = offsetof(struct outer, member.types), .block = &stock_type_block \
  }

#endif
