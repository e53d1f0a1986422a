/* SPDX-License-Identifier: MIT */
/* reader_dbpool: times the read of a server beside a bare query for the same
 * rows, in turn: reader_dbpool HOST PORT READS. Prints four medians: wall
 * milliseconds of a read for one pool, for fifty pools, of the bare query, and
 * CPU milliseconds of a read for one pool. */
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/clock.h"
#include "dbpool/postgresql.h"

#define POOLS 50
#define READS_MAX 1000
#define QUERY_BYTES 2048

static int64_t samples_put;

static void count_sample(void *context, const struct sample *sample) {
  (void)context;
  (void)sample;
  samples_put++;
}

static void ignore_notification(void *context,
                                const struct notification *notification) {
  (void)context;
  (void)notification;
}

static void print_line(void *context, enum log_level level, const char *line) {
  (void)context;
  (void)level;
  (void)fprintf(stderr, "%s\n", line);
}

static const struct dbpool_sinks sinks = {
    .samples = {.put = count_sample},
    .notifications = {.put = ignore_notification},
    .log = {.write = print_line}};

/* Options own their texts, so these are not constant. */
static char label[] = "bench";
static char name[] = "postgres";
static char processes[] = "1";
static char all[] = "bench-*";
static char *every[] = {all};
static char applications[POOLS][16];
static char *each[POOLS];

static struct dbpool_pool_options options_of(char *host, int64_t port,
                                             char **pattern) {
  return (struct dbpool_pool_options){
      .head = {.label = label},
      .endpoint = {.host = host,
                   .port = port,
                   .database = name,
                   .user = name,
                   .timeout_s = 10},
      .applications = {pattern, 1},
      .size = 10,
      .max_overflow = 20,
      .recycle_s = 3600,
      .processes = processes,
      .leak_after_s = 300,
      .forecast_window_s = 900,
  };
}

static double cpu_ms(void) {
  struct timespec now = {0};
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double read_ms(struct postgresql_server *server) {
  int64_t start_ns = clock_monotonic_ns();
  postgresql_server_query_and_send(server, 10);
  return (double)(clock_monotonic_ns() - start_ns) / 1e6;
}

static double query_ms(PGconn *session, const char *query_text) {
  int64_t start_ns = clock_monotonic_ns();
  PGresult *result;
  if (PQsendQuery(session, query_text) == 0) {
    (void)fprintf(stderr, "%s", PQerrorMessage(session));
  }
  while ((result = PQgetResult(session)) != NULL) {
    PQclear(result);
  }
  return (double)(clock_monotonic_ns() - start_ns) / 1e6;
}

static int compare(const void *a, const void *b) {
  const double *left = a;
  const double *right = b;
  return (*left > *right) - (*left < *right);
}

static double median(double *figures, size_t len) {
  qsort(figures, len, sizeof(*figures), compare);
  return figures[len / 2];
}

static void measure(struct postgresql_server *one,
                    struct postgresql_server *many, PGconn *session,
                    const char *query_text, size_t reads) {
  static double ones[READS_MAX];
  static double fifties[READS_MAX];
  static double bare[READS_MAX];
  static double cpu[READS_MAX];
  for (size_t i = 0; i < reads; i++) {
    double before_ms = cpu_ms();
    ones[i] = read_ms(one);
    cpu[i] = cpu_ms() - before_ms;
    fifties[i] = read_ms(many);
    bare[i] = query_ms(session, query_text);
  }
  (void)printf("%.4f %.4f %.4f %.4f\n", median(ones, reads),
               median(fifties, reads), median(bare, reads), median(cpu, reads));
}

int main(int argc, char **argv) {
  if (argc != 4) {
    (void)fprintf(stderr, "usage: %s HOST PORT READS\n", argv[0]);
    return 2;
  }
  int64_t port = strtoll(argv[2], NULL, 10);
  size_t reads = (size_t)strtoul(argv[3], NULL, 10);
  struct dbpool_pool_options options = options_of(argv[1], port, every);
  struct dbpool_pool_options fifty[POOLS];
  for (size_t i = 0; i < POOLS; i++) {
    (void)snprintf(applications[i], sizeof(applications[i]), "bench-%zu", i);
    each[i] = applications[i];
    fifty[i] = options_of(argv[1], port, &each[i]);
  }
  struct postgresql_server *one = postgresql_server_new(&options, 1, 0, &sinks);
  struct postgresql_server *many =
      postgresql_server_new(fifty, POOLS, 0, &sinks);
  PGconn *session =
      PQsetdbLogin(argv[1], argv[2], NULL, NULL, "postgres", "postgres", NULL);
  char query_text[QUERY_BYTES];
  bool is_ready =
      one != NULL && many != NULL && reads > 0 && reads <= READS_MAX &&
      PQstatus(session) == CONNECTION_OK &&
      postgresql_format_query(query_text, sizeof(query_text),
                              PQserverVersion(session), 300, NULL) == 0;
  if (is_ready) {
    (void)read_ms(one); /* connects */
    (void)read_ms(many);
    samples_put = 0;
    (void)read_ms(one);
    is_ready = samples_put > 2; /* up, and more */
  }
  if (is_ready) {
    measure(one, many, session, query_text, reads);
  }
  postgresql_server_free(one, 0);
  postgresql_server_free(many, 0);
  PQfinish(session);
  return is_ready ? 0 : 1;
}
