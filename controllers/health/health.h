/* The node health reporter: says what this machine is and that it lives. Its page is README.md beside this file. */
#pragma once

#include "controllers/runtime/role.h"

/* r: initialised with a store. Runs until told to stop; returns the exit status. */
int health_run(struct role *r) _nonnull_(1) _must_check_;
