/* SPDX-License-Identifier: MIT */
/* short_memory: memory that runs short for one loaded object: where its table
 * of imported functions names an allocator, ours is put instead. So sanitizers
 * keep theirs, and no other object notifications. */
#include "short_memory.h"

#include <elf.h>
#include <errno.h>
#include <execinfo.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PLACES 12

/* ---- what fails ---- */

static atomic_bool is_armed, has_failed;
static atomic_int kind_armed;
static atomic_llong left;

void short_memory_after(size_t count, enum short_memory_kind kind) {
  atomic_store(&left, (long long)count);
  atomic_store(&has_failed, false);
  atomic_store(&kind_armed, (int)kind);
  atomic_store(&is_armed, true);
}

bool short_memory_stop(void) {
  atomic_store(&is_armed, false);
  return atomic_load(&has_failed);
}

/* Who asked for the memory that was the first to be missing. */
static void tell_place(void) {
  void *places[PLACES];
  int len = backtrace(places, PLACES);
  backtrace_symbols_fd(places, len, STDERR_FILENO);
}

static bool fails_next(bool is_thread) {
  int kind = atomic_load(&kind_armed);
  if (!atomic_load(&is_armed) || is_thread != (kind == SHORT_MEMORY_THREADS)) {
    return false;
  }
  long long before = atomic_fetch_sub(&left, 1);
  if (before > 0 || (before < 0 && kind != SHORT_MEMORY_FOREVER)) {
    return false;
  }
  if (!atomic_exchange(&has_failed, true)) {
    tell_place();
  }
  errno = ENOMEM;
  return true;
}

static bool fails(void) { return fails_next(false); }

static int short_pthread_create(pthread_t *thread,
                                const pthread_attr_t *attributes,
                                void *(*run)(void *), void *argument) {
  return fails_next(true) ? EAGAIN
                          : pthread_create(thread, attributes, run, argument);
}

static void *short_malloc(size_t bytes) {
  return fails() ? NULL : malloc(bytes);
}

static void *short_calloc(size_t count, size_t bytes) {
  return fails() ? NULL : calloc(count, bytes);
}

static void *short_realloc(void *memory, size_t bytes) {
  return fails() ? NULL : realloc(memory, bytes);
}

static void *short_aligned_alloc(size_t alignment, size_t bytes) {
  return fails() ? NULL : aligned_alloc(alignment, bytes);
}

static char *short_strdup(const char *text) {
  return fails() ? NULL : strdup(text);
}

static char *short_strndup(const char *text, size_t length) {
  return fails() ? NULL : strndup(text, length);
}

/* ---- where they are put ---- */

union function {
  void *(*malloc)(size_t);
  void *(*calloc)(size_t, size_t);
  void *(*realloc)(void *, size_t);
  char *(*strdup)(const char *);
  char *(*strndup)(const char *, size_t);
  int (*pthread_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *),
                        void *);
  ElfW(Addr) address;
};

static const struct {
  const char *name;
  union function function;
} replacements[] = {
    {"malloc", {.malloc = short_malloc}},
    {"calloc", {.calloc = short_calloc}},
    {"realloc", {.realloc = short_realloc}},
    {"aligned_alloc", {.calloc = short_aligned_alloc}},
    {"strdup", {.strdup = short_strdup}},
    {"strndup", {.strndup = short_strndup}},
    {"pthread_create", {.pthread_create = short_pthread_create}},
};

/* What of an object's dynamic section is of use. */
struct imports {
  ElfW(Addr) base;
  const ElfW(Rela) * tables[2];
  size_t bytes[2];
  const ElfW(Sym) * symbols;
  const char *names;
};

struct search {
  ElfW(Addr) address;
  size_t replaced;
};

/* Addresses from the dynamic section, which has them as integers. */
static const void *pointer_to(ElfW(Addr) address) {
  return (const void *)address; /* NOLINT(performance-no-int-to-ptr) */
}

static struct imports imports_of(ElfW(Addr) base, const ElfW(Dyn) * entry) {
  struct imports imports = {.base = base};
  for (; entry->d_tag != DT_NULL; entry++) {
    switch (entry->d_tag) {
    case DT_JMPREL:
      imports.tables[0] = pointer_to(entry->d_un.d_ptr);
      break;
    case DT_PLTRELSZ:
      imports.bytes[0] = entry->d_un.d_val;
      break;
    case DT_RELA:
      imports.tables[1] = pointer_to(entry->d_un.d_ptr);
      break;
    case DT_RELASZ:
      imports.bytes[1] = entry->d_un.d_val;
      break;
    case DT_SYMTAB:
      imports.symbols = pointer_to(entry->d_un.d_ptr);
      break;
    case DT_STRTAB:
      imports.names = pointer_to(entry->d_un.d_ptr);
      break;
    default:
      break;
    }
  }
  return imports;
}

/* The table is read-only once the object is loaded (relro). */
static bool put(ElfW(Addr) place, ElfW(Addr) function) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  union {
    ElfW(Addr) address;
    void *memory;
  } to = {.address = place & ~(ElfW(Addr))(page - 1)};
  if (mprotect(to.memory, page, PROT_READ | PROT_WRITE) != 0) {
    return false;
  }
  to.address = place;
  memcpy(to.memory, &function, sizeof(function));
  return true;
}

static size_t replace(const struct imports *imports, const char *name,
                      ElfW(Addr) function) {
  size_t count = 0;
  for (size_t table = 0; table < 2; table++) {
    size_t len = imports->bytes[table] / sizeof(ElfW(Rela));
    for (size_t i = 0; i < len; i++) {
      const ElfW(Rela) *entry = &imports->tables[table][i];
      size_t symbol = ELF64_R_SYM(entry->r_info);
      if (symbol != 0 && entry->r_addend == 0 &&
          strcmp(imports->names + imports->symbols[symbol].st_name, name) ==
              0 &&
          put(imports->base + entry->r_offset, function)) {
        count = 1;
      }
    }
  }
  return count;
}

static int look_at(struct dl_phdr_info *info, size_t unused, void *context) {
  (void)unused;
  struct search *search = context;
  const ElfW(Dyn) *dynamic = NULL;
  bool is_it = false;
  for (size_t i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *part = &info->dlpi_phdr[i];
    ElfW(Addr) start = info->dlpi_addr + part->p_vaddr;
    is_it = is_it || (part->p_type == PT_LOAD && search->address >= start &&
                      search->address < start + part->p_memsz);
    dynamic = part->p_type == PT_DYNAMIC ? pointer_to(start) : dynamic;
  }
  if (!is_it || dynamic == NULL) {
    return 0;
  }
  const struct imports imports = imports_of(info->dlpi_addr, dynamic);
  for (size_t i = 0; i < sizeof(replacements) / sizeof(replacements[0]); i++) {
    search->replaced += replace(&imports, replacements[i].name,
                                replacements[i].function.address);
  }
  return 1;
}

size_t short_memory_watch(const void *address) {
  struct search search = {.address = (ElfW(Addr))address};
  (void)dl_iterate_phdr(look_at, &search);
  return search.replaced;
}
