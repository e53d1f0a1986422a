/* SPDX-License-Identifier: MIT */
/* fuzz_haproxy: any answers of HAProxy's runtime API: what "show servers state"
 * says up to the first 0x1d, what "show servers conn" says behind it. Read
 * twice, into the same slots, as the action does. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "resource_alert/clients/haproxy_socket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *copy(const uint8_t *from, size_t bytes) {
  char *text = calloc(1, bytes + 1);
  if (text == NULL) {
    abort();
  }
  memcpy(text, from, bytes);
  return text;
}

static void check(const struct haproxy_socket_slots *slots) {
  for (size_t i = 0; i < slots->len; i++) {
    const struct haproxy_socket_slot *slot = &slots->items[i];
    char address[HAPROXY_SOCKET_ADDRESS_BYTES];
    if (slot->name[0] != '\0' &&
        haproxy_socket_check_name(slot->name, NULL) != 0) {
      abort(); /* the name goes into HAProxy's next line */
    }
    if (slot->address[0] != '\0' &&
        (!haproxy_socket_format_address(slot->address, address) ||
         strcmp(slot->address, address) != 0)) {
      abort(); /* an address has one form */
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct haproxy_socket_slots slots;
  const uint8_t *cut = memchr(data, 0x1d, size);
  size_t bytes = cut == NULL ? size : (size_t)(cut - data);
  slots.len = 0;
  for (int round = 0; round < 2; round++) {
    char *state = copy(data, bytes);
    char *sessions =
        cut == NULL ? copy(data, 0) : copy(cut + 1, size - bytes - 1);
    struct error error = {{0}};
    (void)haproxy_socket_parse_slots(&slots, state, sessions, &error);
    check(&slots);
    free(state);
    free(sessions);
  }
  return 0;
}
