# What `cmake --install` leaves for other projects: two static archives, the public headers, a CMake
# package (find_package(spoolmq), target spoolmq::spoolmq) and a pkg-config file (spoolmq).
# Included by the top CMakeLists.txt once every target exists.
include(CMakePackageConfigHelpers)

# A static archive needs its private libraries when it is linked: they stay private (LINK_ONLY) but
# must be in the export. In the build tree they are named as $<BUILD_INTERFACE:library>.
function(spoolmq_export_private_libraries target)
  get_target_property(libraries ${target} LINK_LIBRARIES)
  foreach(library IN LISTS libraries)
    if(library MATCHES "^\\$<BUILD_INTERFACE:([^<>]+::[^<>]+)>$")
      target_link_libraries(${target}
        INTERFACE $<INSTALL_INTERFACE:$<LINK_ONLY:${CMAKE_MATCH_1}>>)
    endif()
  endforeach()
endfunction()

foreach(target spoolmq_core spoolmq_store)
  spoolmq_export_private_libraries(${target})
  target_compile_features(${target} INTERFACE cxx_std_20)
endforeach()
set_target_properties(spoolmq_core PROPERTIES EXPORT_NAME core)
set_target_properties(spoolmq_store PROPERTIES EXPORT_NAME spoolmq)

install(TARGETS spoolmq_core spoolmq_store EXPORT spoolmq
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY core/include/spoolmq store/include/spoolmq
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

set(spoolmq_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/spoolmq)
install(EXPORT spoolmq NAMESPACE spoolmq:: FILE spoolmqTargets.cmake
  DESTINATION ${spoolmq_cmake_dir})
configure_package_config_file(core/spoolmqConfig.cmake.in ${CMAKE_BINARY_DIR}/spoolmqConfig.cmake
  INSTALL_DESTINATION ${spoolmq_cmake_dir})
# Before 1.0 a new minor version may change the interface.
write_basic_package_version_file(${CMAKE_BINARY_DIR}/spoolmqConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/spoolmqConfig.cmake
              ${CMAKE_BINARY_DIR}/spoolmqConfigVersion.cmake
  DESTINATION ${spoolmq_cmake_dir})

# Relative to the .pc file, so that `cmake --install --prefix` and moved trees are right too.
file(RELATIVE_PATH SPOOLMQ_PC_PREFIX
  ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(core/spoolmq.pc.in ${CMAKE_BINARY_DIR}/spoolmq.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/spoolmq.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
