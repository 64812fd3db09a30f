# The world simulator: all roles on one virtual timeline. loop.c and node_env.c take the place of core's loop, clocks, dice
# and files and of the runner's disk: being objects of the program, they come before the archives.
set(SIM ${CMAKE_CURRENT_SOURCE_DIR}/sim)
add_library(tug_world OBJECT ${SIM}/loop.c ${SIM}/node_env.c ${SIM}/world.c ${SIM}/invariant.c ${SIM}/fault.c ${SIM}/user.c
	${SIM}/life.c)
target_link_libraries(tug_world PUBLIC tug_test tug_scheduler tug_runner tug_engine_sim tug_health tug_memory)
target_compile_options(tug_world PRIVATE -O2 -fno-strict-aliasing)

add_executable(tug-sim ${SIM}/main.c)
target_link_libraries(tug-sim PRIVATE tug_world)
set_target_properties(tug-sim PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
