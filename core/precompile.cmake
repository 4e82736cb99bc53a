# spoolmq_precompile(TARGET HEADER | OWNER): reading the standard headers is half of what a file costs
# to compile. TARGET compiles HEADER once, and its files start with the outcome; or they start with
# what OWNER, a target with the same flags, has compiled.
#   Not where a compiler cache stands before the compiler, which would have to look into it, nor
# where clang-tidy follows g++, whose outcome it cannot read; and with g++ only.
function(spoolmq_precompile target header_or_owner)
  if(CMAKE_CXX_COMPILER_LAUNCHER OR CMAKE_CXX_CLANG_TIDY OR
     NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    return()
  endif()
  # g++ 12 forgets of a precompiled header that it is the system's, and warns of what its optimiser
  # misunderstands in it. Builds with a compiler cache have these warnings on.
  target_compile_options(${target} PRIVATE
    -Wno-array-bounds -Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow
    -Wno-stringop-overread -Wno-error=null-dereference)
  if(TARGET ${header_or_owner})
    target_precompile_headers(${target} REUSE_FROM ${header_or_owner})
  else()
    target_precompile_headers(${target} PRIVATE ${header_or_owner})
  endif()
endfunction()
