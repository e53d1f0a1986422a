/* SPDX-License-Identifier: MIT */
/* shared_library: loads a library of the system when an option first needs it.
 */
#include "core/shared_library.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

/* Its own dependencies come with it. Local: other plugins of the daemon may
 * hold another flavour of the same library. */
static int load_functions(const struct shared_library *library) {
  void *handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL);
  for (size_t i = 0; i < library->len && handle != NULL; i++) {
    void *function = dlsym(handle, library->names[i]);
    if (function == NULL) {
      return -ELIBACC;
    }
    memcpy((char *)library->functions + i * sizeof(function), &function,
           sizeof(function));
  }
  return handle == NULL ? -ELIBACC : 0;
}

int shared_library_load(struct shared_library *library, int (*initialize)(void),
                        struct error *error) {
  int code = 0;
  if (atomic_load(&library->is_loaded)) {
    return 0;
  }
  (void)pthread_mutex_lock(&library->lock);
  if (!atomic_load(&library->is_loaded)) {
    code = load_functions(library);
    if (code != 0) {
      (void)error_set(error, code,
                      "%s; install the package that contains %s, or remove "
                      "this option",
                      dlerror(), library->file);
    } else if (initialize != NULL && (code = initialize()) != 0) {
      (void)error_set(error, code, "%s: cannot be initialized: %s",
                      library->file, strerror(-code));
    }
    atomic_store(&library->is_loaded, code == 0);
  }
  (void)pthread_mutex_unlock(&library->lock);
  return code;
}
