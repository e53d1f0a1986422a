/* SPDX-License-Identifier: MIT */
/* haproxy_slots: the servers of a backend as HAProxy shows them. */
#include "resource_alert/actions/haproxy_slots.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resource_alert/actions/haproxy_socket.h"

#define COLUMNS_MAX 64

/* Bits of srv_admin_state. 0x04 only remembers that the configuration says
 * "disabled", and stays when the server is made ready. */
enum { ADMIN_MAINTENANCE = 0x63, ADMIN_DRAIN = 0x18 };

struct line {
  char *columns[COLUMNS_MAX];
  size_t len;
};

static struct line cut(char *text) {
  struct line line = {.len = 0};
  char *rest = text;
  char *word;
  while (line.len < COLUMNS_MAX && (word = strsep(&rest, " ")) != NULL) {
    if (word[0] != '\0' && strcmp(word, "#") != 0) {
      line.columns[line.len++] = word;
    }
  }
  return line;
}

/* The column of that name; COLUMNS_MAX: there is none. */
static size_t find(const struct line *head, const char *name) {
  for (size_t i = 0; i < head->len; i++) {
    if (strcmp(head->columns[i], name) == 0) {
      return i;
    }
  }
  return COLUMNS_MAX;
}

static const char *get(const struct line *line, size_t column) {
  return column < line->len ? line->columns[column] : "";
}

/* The slot of that name, a new one where there is none yet; NULL: no room. */
static struct haproxy_slot *slot_of(struct haproxy_slots *slots,
                                    const char *name, bool may_add) {
  for (size_t i = 0; i < slots->len; i++) {
    if (strcmp(slots->items[i].name, name) == 0) {
      return &slots->items[i];
    }
  }
  if (!may_add || slots->len == HAPROXY_SLOTS_MAX ||
      action_check_name(name, NULL) != 0) {
    return NULL;
  }
  struct haproxy_slot *slot = &slots->items[slots->len++];
  *slot = (struct haproxy_slot){0};
  memcpy(slot->name, name, strlen(name) + 1);
  return slot;
}

static void take_state(struct haproxy_slots *slots, const struct line *head,
                       const struct line *line) {
  struct haproxy_slot *slot =
      slot_of(slots, get(line, find(head, "srv_name")), true);
  const char *address = get(line, find(head, "srv_addr"));
  long admin = strtol(get(line, find(head, "srv_admin_state")), NULL, 10);
  if (slot != NULL && strlen(address) < sizeof(slot->address)) {
    memcpy(slot->address, address, strlen(address) + 1);
    slot->is_out = (admin & ADMIN_MAINTENANCE) != 0;
    slot->is_draining = (admin & ADMIN_DRAIN) != 0;
  }
}

/* "# bkname/svname bkid/svid addr port - purge_delay used_cur ..." */
static void take_sessions(struct haproxy_slots *slots, const struct line *head,
                          const struct line *line) {
  const char *name = strchr(get(line, 0), '/');
  struct haproxy_slot *slot =
      name == NULL ? NULL : slot_of(slots, name + 1, false);
  if (slot != NULL) {
    slot->sessions = strtoll(get(line, find(head, "used_cur")), NULL, 10);
  }
}

int haproxy_slots_parse(struct haproxy_slots *slots, char *state,
                        char *sessions, struct error *error) {
  struct line head = {.len = 0};
  char *text;
  while ((text = strsep(&state, "\n")) != NULL) {
    bool is_head = text[0] == '#';
    struct line line = cut(text);
    if (is_head) {
      head = line;
    } else if (line.len > 4 && head.len > 0) {
      take_state(slots, &head, &line);
    }
  }
  if (find(&head, "srv_admin_state") == COLUMNS_MAX || slots->len == 0) {
    return error_set(error, -EPROTO, "HAProxy shows no servers");
  }
  head.len = 0;
  while ((text = strsep(&sessions, "\n")) != NULL) {
    bool is_head = text[0] == '#';
    struct line line = cut(text);
    if (is_head) {
      head = line;
    } else if (line.len > 4) {
      take_sessions(slots, &head, &line);
    }
  }
  return 0;
}

int haproxy_slots_read(struct haproxy_slots *slots, const char *socket_path,
                       const char *backend, const struct action_call *call,
                       struct error *error) {
  char line[256];
  char *state = NULL;
  char *sessions = NULL;
  (void)snprintf(line, sizeof(line), "show servers state %s", backend);
  int code = haproxy_ask(socket_path, line, &state, call, error);
  if (code == 0) {
    (void)snprintf(line, sizeof(line), "show servers conn %s", backend);
    code = haproxy_ask(socket_path, line, &sessions, call, error);
  }
  if (code == 0) {
    code = haproxy_slots_parse(slots, state, sessions, error);
    if (code != 0) {
      error_prefix(error, "backend %s", backend);
    }
  }
  free(state);
  free(sessions);
  return code;
}
