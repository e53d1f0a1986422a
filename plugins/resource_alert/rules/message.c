/* SPDX-License-Identifier: MIT */
/* message: the text of a notification, from a pattern with %{...} in it. */
#include "resource_alert/rules/message.h"

#include <errno.h>
#include <string.h>

#include "core/text.h"

static const char *const names[MESSAGE_FIELDS] = {
    [MESSAGE_RULE] = "rule",
    [MESSAGE_HOST] = "host",
    [MESSAGE_PLUGIN] = "plugin",
    [MESSAGE_PLUGIN_INSTANCE] = "plugin_instance",
    [MESSAGE_TYPE] = "type",
    [MESSAGE_TYPE_INSTANCE] = "type_instance",
    [MESSAGE_DATA_SOURCE] = "data_source",
    [MESSAGE_VALUE] = "value",
    [MESSAGE_LIMIT] = "limit",
    [MESSAGE_COUNT] = "count",
    [MESSAGE_INTERVAL] = "interval",
    [MESSAGE_STATE] = "state",
    [MESSAGE_PREVIOUS] = "previous",
    [MESSAGE_SINCE] = "since",
    [MESSAGE_UNIT] = "unit",
    [MESSAGE_SEVERITY] = "severity",
    [MESSAGE_PEAK] = "peak",
    [MESSAGE_LASTED] = "lasted",
};

/* The field of that name, or -1. */
static int find_field(const char *name, size_t length) {
  for (int i = 0; i < MESSAGE_FIELDS; i++) {
    if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0) {
      return i;
    }
  }
  return -1;
}

int message_check(const char *pattern, struct error *error) {
  for (const char *at = pattern; (at = strstr(at, "%")) != NULL; at++) {
    if (at[1] == '%') {
      at++;
      continue;
    }
    if (at[1] != '{') {
      continue;
    }
    size_t length = strcspn(at + 2, "}");
    if (at[2 + length] == '\0') {
      return error_set(error, -EINVAL, "has a %%{ without its }");
    }
    if (find_field(at + 2, length) < 0) {
      return error_set(
          error, -EINVAL,
          "has an unknown %%{%.*s}; known: rule, host, plugin, "
          "plugin_instance, type, type_instance, data_source, value, limit, "
          "count, interval, "
          "state, previous, since, unit, severity, peak, lasted",
          (int)length, at + 2);
    }
    at += 2 + length;
  }
  return 0;
}

/* Where the text goes; what does not fit is cut. */
struct writer {
  char *text;
  size_t left; /* without the NUL */
};

static void write_text(struct writer *writer, const char *more, size_t length) {
  size_t taken = length < writer->left ? length : writer->left;
  if (taken < length) { /* a cut must not leave half a character */
    while (taken > 0 && ((unsigned char)more[taken] & 0xc0) == 0x80) {
      taken--;
    }
    writer->left = taken;
  }
  memcpy(writer->text, more, taken);
  writer->text += taken;
  writer->left -= taken;
}

/* Writes the element at AT, a percent sign. Returns what follows it. */
static const char *write_element(struct writer *writer, const char *at,
                                 const char *const *fields) {
  if (at[1] == '{') {
    size_t length = strcspn(at + 2, "}");
    int field = find_field(at + 2, length);
    if (field >= 0 && at[2 + length] == '}') {
      write_text(writer, fields[field], strlen(fields[field]));
      return at + 3 + length;
    }
  }
  write_text(writer, "%", 1);
  return at + (at[1] == '%' ? 2 : 1);
}

void message_format(const char *pattern, const char *const *fields, char *text,
                    size_t bytes) {
  struct writer writer = {.text = text, .left = bytes - 1};
  for (const char *at = pattern; *at != '\0';) {
    if (*at == '%') {
      at = write_element(&writer, at, fields);
    } else {
      size_t plain = strcspn(at, "%");
      write_text(&writer, at, plain);
      at += plain;
    }
  }
  *writer.text = '\0';
  text_blank_controls(text);
}
