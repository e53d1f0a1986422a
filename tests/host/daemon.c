/* SPDX-License-Identifier: MIT */
/* daemon: a stand-in for collectd: the symbols that it lends to modules. */
#include "daemon.h"

#include "collectd.h"
#include "plugin.h"
#include "utils/common/common.h"

#include <dlfcn.h>
#include <math.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config.h"

#define READS_MAX 16
#define NAMES_MAX 1024

static int (*configure)(oconfig_item_t *);
static plugin_init_cb init;
static plugin_write_cb write_values;
static plugin_shutdown_cb stop;
static struct {
  int (*plain)(void); /* or */
  plugin_read_cb complex;
  user_data_t data;
} reads[READS_MAX];
static size_t reads_len;
static atomic_size_t notifications, log_lines, values;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char last_names[NAMES_MAX][2 * DATA_MAX_NAME_LEN]; /* guarded by lock */
static double last_values[NAMES_MAX];
static size_t last_len;

char *hostname_g;
int timeout_g = 2;
cdtime_t interval_g = TIME_T_TO_CDTIME_T_STATIC(10);

static data_source_t gauge_source = {.name = "value",
                                     .type = DS_TYPE_GAUGE,
                                     .min = (double)NAN,
                                     .max = (double)NAN};
static data_source_t derive_source = {
    .name = "value", .type = DS_TYPE_DERIVE, .min = 0, .max = (double)NAN};
static data_set_t gauge_type = {.ds_num = 1, .ds = &gauge_source};
static data_set_t derive_type = {.ds_num = 1, .ds = &derive_source};

/* ---- what modules call ---- */

int plugin_register_complex_config(const char *type,
                                   int (*callback)(oconfig_item_t *)) {
  (void)type;
  configure = callback;
  return 0;
}

int plugin_register_init(const char *name, plugin_init_cb callback) {
  (void)name;
  init = callback;
  return 0;
}

int plugin_register_write(const char *name, plugin_write_cb callback,
                          user_data_t const *data) {
  (void)name, (void)data;
  write_values = callback;
  return 0;
}

int plugin_register_read(const char *name, int (*callback)(void)) {
  (void)name;
  reads[reads_len++].plain = callback;
  return 0;
}

int plugin_register_complex_read(const char *group, const char *name,
                                 plugin_read_cb callback, cdtime_t interval,
                                 user_data_t const *data) {
  (void)group, (void)name, (void)interval;
  reads[reads_len].complex = callback;
  reads[reads_len].data = data == NULL ? (user_data_t){.data = NULL} : *data;
  reads_len++;
  return 0;
}

int plugin_thread_create(pthread_t *thread, void *(*start)(void *),
                         void *argument, char const *name) {
  (void)name;
  return pthread_create(thread, NULL, start, argument);
}

plugin_ctx_t plugin_get_ctx(void) {
  return (plugin_ctx_t){.interval = interval_g};
}

plugin_ctx_t plugin_set_ctx(plugin_ctx_t context) { return context; }

cdtime_t plugin_get_interval(void) { return interval_g; }

int plugin_register_notification(const char *name,
                                 plugin_notification_cb callback,
                                 user_data_t const *data) {
  (void)name, (void)callback, (void)data;
  return 0;
}

int plugin_register_shutdown(const char *name, plugin_shutdown_cb callback) {
  (void)name;
  stop = callback;
  return 0;
}

static bool is_derive(const char *type) {
  return strcmp(type, "derive") == 0 || strncmp(type, "total_", 6) == 0;
}

const data_set_t *plugin_get_ds(const char *name) {
  return is_derive(name) ? &derive_type : &gauge_type;
}

void plugin_log(int level, const char *format, ...) {
  va_list arguments;
  char line[1024];
  va_start(arguments, format);
  (void)vsnprintf(line, sizeof(line), format, arguments);
  va_end(arguments);
  atomic_fetch_add(&log_lines, 1);
  if (level <= LOG_ERR) {
    (void)fprintf(stderr, "%s\n", line);
  }
}

static void name_of(char *name, const char *plugin_instance, const char *type,
                    const char *type_instance) {
  (void)snprintf(name, 2 * DATA_MAX_NAME_LEN, "%.80s/%.80s-%.80s",
                 plugin_instance, type, type_instance);
}

int plugin_dispatch_values(value_list_t const *list) {
  char name[2 * DATA_MAX_NAME_LEN];
  name_of(name, list->plugin_instance, list->type, list->type_instance);
  atomic_fetch_add(&values, 1);
  (void)pthread_mutex_lock(&lock);
  size_t i = 0;
  while (i < last_len && strcmp(last_names[i], name) != 0) {
    i++;
  }
  if (i < NAMES_MAX) {
    (void)snprintf(last_names[i], sizeof(last_names[i]), "%s", name);
    last_values[i] = is_derive(list->type) ? (double)list->values[0].derive
                                           : list->values[0].gauge;
    last_len = i == last_len ? i + 1 : last_len;
  }
  (void)pthread_mutex_unlock(&lock);
  return 0;
}

int plugin_dispatch_notification(const notification_t *notification) {
  (void)notification;
  atomic_fetch_add(&notifications, 1);
  return 0;
}

int plugin_notification_meta_add_string(notification_t *n, const char *name,
                                        const char *value) {
  (void)n, (void)name, (void)value;
  return 0;
}

int plugin_notification_meta_add_double(notification_t *n, const char *name,
                                        double value) {
  (void)n, (void)name, (void)value;
  return 0;
}

int plugin_notification_meta_free(notification_meta_t *n) {
  (void)n;
  return 0;
}

cdtime_t cdtime(void) { return TIME_T_TO_CDTIME_T(time(NULL)); }

char *sstrncpy(char *to, const char *from, size_t bytes) {
  (void)snprintf(to, bytes, "%s", from);
  return to;
}

int ssnprintf(char *to, size_t bytes, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(to, bytes, format, arguments);
  va_end(arguments);
  return length;
}

/* ---- what tests call ---- */

static oconfig_item_t *translate(const struct config_item *from) {
  oconfig_item_t *to = calloc(1, sizeof(*to));
  to->key = from->key;
  to->values_num = (int)from->values_len;
  to->values = calloc(from->values_len + 1, sizeof(*to->values));
  for (size_t i = 0; i < from->values_len; i++) {
    oconfig_value_t *value = &to->values[i];
    value->type = OCONFIG_TYPE_NUMBER;
    value->value.number = from->values[i].number;
    if (from->values[i].kind == CONFIG_STRING) {
      value->type = OCONFIG_TYPE_STRING;
      value->value.string = from->values[i].string;
    } else if (from->values[i].kind == CONFIG_BOOLEAN) {
      value->type = OCONFIG_TYPE_BOOLEAN;
      value->value.boolean = from->values[i].boolean;
    }
  }
  to->children_num = (int)from->children_len;
  to->children = calloc(from->children_len + 1, sizeof(*to->children));
  for (size_t i = 0; i < from->children_len; i++) {
    oconfig_item_t *child = translate(&from->children[i]);
    to->children[i] = *child;
    free(child);
  }
  return to;
}

static void release(oconfig_item_t *item) {
  for (int i = 0; i < item->children_num; i++) {
    release(&item->children[i]);
  }
  free(item->children);
  free(item->values);
}

bool daemon_configure(const char *configuration) {
  struct config_item root = {0};
  struct error error = {{0}};
  if (config_text_parse(configuration, strlen(configuration), &root, &error) !=
      0) {
    (void)fprintf(stderr, "%s\n", error.text);
    exit(1);
  }
  root.key = strdup("Plugin");
  oconfig_item_t *item = translate(&root);
  bool is_taken = configure != NULL && configure(item) == 0;
  release(item);
  free(item);
  config_item_fini(&root);
  return is_taken;
}

bool daemon_init(void) { return init() == 0; }

void *daemon_load(const char *module) {
  static char host[] = "host";
  hostname_g = host;
  void *handle = dlopen(module, RTLD_NOW | RTLD_LOCAL);
  void *symbol = handle == NULL ? NULL : dlsym(handle, "module_register");
  if (symbol == NULL) {
    (void)fprintf(stderr, "%s\n", dlerror());
    exit(1);
  }
  union {
    void *symbol;
    void (*call)(void);
  } module_register = {.symbol = symbol};
  module_register.call();
  return handle;
}

void daemon_start(const char *module, const char *configuration) {
  (void)daemon_load(module);
  if (!daemon_configure(configuration) || !daemon_init()) {
    exit(1);
  }
}

void daemon_stop(void) {
  for (size_t i = 0; i < reads_len; i++) {
    if (reads[i].data.free_func != NULL) {
      reads[i].data.free_func(reads[i].data.data);
    }
  }
  reads_len = 0;
  if (stop != NULL) {
    (void)stop();
  }
}

void daemon_write_gauge(const char *plugin_instance, double value,
                        int64_t time_s, int64_t interval_s) {
  value_t raw = {.gauge = value};
  value_list_t list = {
      .values = &raw,
      .values_len = 1,
      .time = TIME_T_TO_CDTIME_T(time_s),
      .interval = TIME_T_TO_CDTIME_T(interval_s),
      .host = "host",
      .plugin = "test",
      .type = "gauge",
  };
  (void)snprintf(list.plugin_instance, sizeof(list.plugin_instance), "%s",
                 plugin_instance);
  (void)write_values(&gauge_type, &list, NULL);
}

void daemon_read(void) {
  for (size_t i = 0; i < reads_len; i++) {
    (void)(reads[i].plain != NULL ? reads[i].plain()
                                  : reads[i].complex(&reads[i].data));
  }
}

size_t daemon_notifications(void) { return atomic_load(&notifications); }

size_t daemon_log_lines(void) { return atomic_load(&log_lines); }

size_t daemon_values(void) { return atomic_load(&values); }

size_t daemon_names(void) {
  (void)pthread_mutex_lock(&lock);
  size_t len = last_len;
  (void)pthread_mutex_unlock(&lock);
  return len;
}

double daemon_value(const char *plugin_instance, const char *type,
                    const char *type_instance) {
  char name[2 * DATA_MAX_NAME_LEN];
  double value = (double)NAN;
  name_of(name, plugin_instance, type, type_instance);
  (void)pthread_mutex_lock(&lock);
  for (size_t i = 0; i < last_len; i++) {
    if (strcmp(last_names[i], name) == 0) {
      value = last_values[i];
    }
  }
  (void)pthread_mutex_unlock(&lock);
  return value;
}
