# The world simulator: all roles on one virtual timeline. loop.c and node_env.c take the place of core's loop, clocks, dice
# and files and of the runner's disk: being objects of the program, they come before the archives.
set(SIM ${CMAKE_CURRENT_SOURCE_DIR}/sim)
add_library(tug_world OBJECT ${SIM}/loop.c ${SIM}/node_env.c ${SIM}/world.c ${SIM}/invariant.c ${SIM}/fault.c ${SIM}/user.c
	${SIM}/life.c ${SIM}/scenario.c)
target_link_libraries(tug_world PUBLIC tug_test tug_scheduler tug_runner tug_engine_sim tug_health tug_memory)
target_compile_options(tug_world PRIVATE -O2 -fno-strict-aliasing)

add_executable(tug-sim ${SIM}/main.c)
target_link_libraries(tug-sim PRIVATE tug_world)
set_target_properties(tug-sim PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)

foreach(name sweep life timely)
	add_executable(sim.${name}_test ${SIM}/${name}_test.c)
	target_link_libraries(sim.${name}_test PRIVATE tug_world)
	set_target_properties(sim.${name}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
	add_test(NAME sim.${name}_test COMMAND sim.${name}_test WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
endforeach()
# Lives for as long as there is time; where the build is slow by design, fewer.
set(SIM_SECONDS 120)
if(CMAKE_C_FLAGS MATCHES "sanitize|-O0")
	set(SIM_SECONDS 30)
endif()
add_test(NAME sim.lives COMMAND tug-sim --seed 1 --seeds 150 --hours 20 --seconds ${SIM_SECONDS})
