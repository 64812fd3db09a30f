/* What the images of the suite run, for the real engine and for the simulated one. */
#include "contract/engine/drive.h"

const struct program programs[] = {
        {.image = HELLO, .entrypoint = "[\"/hello\"]"},
        {.image = EXIT_0, .entrypoint = "[\"/hello\",\"exit\",\"0\"]", .ends = true},
        {.image = EXIT_7, .entrypoint = "[\"/hello\",\"exit\",\"7\"]", .ends = true, .exit_code = 7},
        /* the first process of a namespace gets no signal that it does not handle */
        {.image = STUBBORN, .entrypoint = "[\"/busybox\",\"sleep\",\"1000000\"]", .ignores_term = true},
        {.image = GLUTTON,
         .entrypoint = "[\"/busybox\",\"sh\",\"-c\",\"trap 'exec /busybox tail /dev/zero' USR1; "
                       "while :; do /busybox sleep 1000000 & wait; done\"]",
         .ignores_term = true},
        {.image = GET_80, .entrypoint = "[\"/hello\",\"get\",\"80\"]", .ends = true},
        {.image = ABSENT, .entrypoint = "[\"/nowhere\"]", .start = ENGINE_E_REFUSED},
        {.image = DENIED, .entrypoint = "[\"/etc/hosts\"]", .start = ENGINE_E_REFUSED},
};
const size_t n_programs = ELEMENTS(programs);
