/* SPDX-License-Identifier: MIT */
/* resource_alert: its callbacks from sixteen threads at once: series that are
 * shared, that come and go, that race for their first sight. */
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon.h"

#define THREADS 16
#define ROUNDS 300
#define OWN_SERIES 20
#define SHARED_SERIES 4
#define LIMIT_MS 20000

static const char configuration[] = "PublishSeries false\n"
                                    "MaxSeries 400\n"
                                    "<Threshold \"own\">\n"
                                    "  Metric \"test-own*/gauge\"\n"
                                    "  WarningMax 10\n"
                                    "</Threshold>\n"
                                    "<Threshold \"both\">\n"
                                    "  Metric \"test-*/gauge\"\n"
                                    "  FailureMax 10\n"
                                    "  For 3\n"
                                    "</Threshold>\n";

static void check(int is_true, const char *what) {
  if (!is_true) {
    (void)fprintf(stderr, "not so: %s\n", what);
    exit(1);
  }
}

static void *write_values(void *argument) {
  int number = *(int *)argument;
  char name[64];
  for (int round = 1; round <= ROUNDS; round++) {
    for (int i = 0; i < OWN_SERIES; i++) {
      (void)snprintf(name, sizeof(name), "own-%d-%d", number, i);
      daemon_write_gauge(name, round % 10 == 5 || round == ROUNDS ? 11 : 1,
                         round, 1000); /* WARNING at the end */
    }
    for (int i = 0; i < SHARED_SERIES; i++) {
      (void)snprintf(name, sizeof(name), "shared-%d", i);
      daemon_write_gauge(name, round % 20 < 10 ? 11 : 1, round, 1000);
    }
    (void)snprintf(name, sizeof(name), "unwatched-%d-%d", number, round);
    daemon_write_gauge(name, 1, round, 1000);
  }
  return NULL;
}

static void *read_values(void *unused) {
  (void)unused;
  for (int i = 0; i < 50; i++) {
    daemon_read();
    (void)poll(NULL, 0, 5);
  }
  return NULL;
}

static void expect_value(const char *type, const char *type_instance,
                         double wanted) {
  double value = (double)NAN;
  for (int waited_ms = 0; waited_ms < LIMIT_MS; waited_ms += 20) {
    daemon_read();
    value = daemon_value("", type, type_instance);
    if (fabs(value - wanted) < 0.5) {
      return;
    }
    (void)poll(NULL, 0, 20);
  }
  (void)fprintf(stderr, "%s-%s is %g, not %g\n", type, type_instance, value,
                wanted);
  exit(1);
}

int main(int argc, char **argv) {
  pthread_t threads[THREADS + 1];
  int numbers[THREADS];
  check(argc == 2, "one argument, the module");
  daemon_start(argv[1], configuration);
  for (int i = 0; i < THREADS; i++) {
    numbers[i] = i;
    check(pthread_create(&threads[i], NULL, write_values, &numbers[i]) == 0,
          "a thread");
  }
  check(pthread_create(&threads[THREADS], NULL, read_values, NULL) == 0,
        "a thread");
  for (int i = 0; i <= THREADS; i++) {
    (void)pthread_join(threads[i], NULL);
  }
  expect_value("gauge", "series", 400); /* the bound, and not one more */
  for (int waited_ms = 0; waited_ms < LIMIT_MS && daemon_notifications() == 0;
       waited_ms += 20) {
    (void)poll(NULL, 0, 20);
  }
  check(daemon_notifications() > 0, "a notification was sent");
  daemon_stop();
  return 0;
}
