/* SPDX-License-Identifier: BSD-2-Clause */
#include "real.h"

#include <dlfcn.h>
#include <string.h>

struct real_calls real_table;
int real_loaded;

/* An object pointer as a function pointer, which ISO C has no cast for. */
static void load(void *slot, const char *name)
{
    void *symbol = dlsym(RTLD_NEXT, name);

    memcpy(slot, &symbol, sizeof(symbol));
}

void real_load(void)
{
#define REAL_LOAD(result, name, args) load(&real_table.name, #name);
    REAL_CALLS(REAL_LOAD)
#undef REAL_LOAD
    __atomic_store_n(&real_loaded, 1, __ATOMIC_RELEASE);
}

__attribute__((constructor(101))) static void load_early(void)
{
    real_load();
}
