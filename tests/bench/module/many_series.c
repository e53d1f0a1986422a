/* SPDX-License-Identifier: MIT */
/* many_series: a read plugin whose series are many: MANY_SERIES of them at each
 * read. Their values wander between 0 and 100. And many_series/memory-held,
 * what the allocator has given out, all of it where MALLOC_ARENA_MAX is 1. */
#include "glue/glue.h"

#include "collectd.h"
#include "plugin.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

static size_t series = 1000;
static uint64_t reads;

static void dispatch_memory(void) {
  const struct mallinfo2 info = mallinfo2();
  value_t value = {.gauge = (double)(info.uordblks + info.hblkhd)};
  value_list_t list = VALUE_LIST_INIT;
  list.values = &value;
  list.values_len = 1;
  (void)snprintf(list.plugin, sizeof(list.plugin), "many_series");
  (void)snprintf(list.type, sizeof(list.type), "memory");
  (void)snprintf(list.type_instance, sizeof(list.type_instance), "held");
  (void)plugin_dispatch_values(&list);
}

static int read_all(void) {
  dispatch_memory(); /* while little is queued */
  for (size_t i = 0; i < series; i++) {
    value_t value = {.gauge = (double)((reads + i * 7) % 101)};
    value_list_t list = VALUE_LIST_INIT;
    list.values = &value;
    list.values_len = 1;
    list.interval = plugin_get_interval();
    (void)snprintf(list.plugin, sizeof(list.plugin), "many_series");
    (void)snprintf(list.plugin_instance, sizeof(list.plugin_instance), "%zu",
                   i / 100);
    (void)snprintf(list.type, sizeof(list.type), "percent");
    (void)snprintf(list.type_instance, sizeof(list.type_instance), "used%zu",
                   i % 100);
    (void)plugin_dispatch_values(&list);
  }
  reads++;
  return 0;
}

void module_register(void) {
  const char *wanted = getenv("MANY_SERIES");
  series = wanted == NULL ? series : strtoul(wanted, NULL, 10);
  plugin_register_read("many_series", read_all);
}
