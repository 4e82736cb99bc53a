# spoolmq_unity(TARGET GROUPS [ALONE FILE…] [TOGETHER FILE…]): where SPOOLMQ_UNITY is on, TARGET compiles
# its files in GROUPS groups, each as if it were one file: templates and headers that they share are
# read, instantiated and instrumented once, which is most of what a file costs under a sanitizer.
#   A file's group follows from its name alone, so that a new file changes the company of a few. ALONE
# are the files whose own names (those of nameless namespaces) meet others of the same name in their
# group: a compiler's "redefinition" asks for one more of them. TOGETHER are those that instantiate the
# same large templates. SAFEGUARDED_SOURCES, which the linker replaces by copies in tests/sabotage, all
# or none, are with each other only.
option(SPOOLMQ_UNITY "Compile several files as one, see core/unity.cmake" OFF)

function(spoolmq_unity target groups)
  cmake_parse_arguments(PARSE_ARGV 2 kept "" "" "ALONE;TOGETHER")
  if(NOT SPOOLMQ_UNITY)
    return()
  endif()
  get_target_property(sources ${target} SOURCES)
  foreach(source ${sources})
    get_filename_component(name ${source} NAME)
    cmake_path(ABSOLUTE_PATH source OUTPUT_VARIABLE path)
    cmake_path(RELATIVE_PATH path BASE_DIRECTORY ${PROJECT_SOURCE_DIR})
    if(name IN_LIST kept_ALONE)
      continue()
    elseif(path IN_LIST SAFEGUARDED_SOURCES)
      set(group safeguarded)
    elseif(name IN_LIST kept_TOGETHER)
      set(group together)
    else()
      string(MD5 digest ${name})
      string(SUBSTRING ${digest} 0 4 digits)
      math(EXPR group "0x${digits} % ${groups}")
    endif()
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${target}_${group})
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  # Each of the files is an included one then, whose own types seem to leave it.
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
endfunction()
