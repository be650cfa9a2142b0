# find_package(ddoq) with CMAKE_PREFIX_PATH at the folder that `dotnet publish native/Ddoq.CApi -o` made; then
# target_link_libraries(program PRIVATE ddoq::ddoq).
get_filename_component(_ddoq_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
if(NOT TARGET ddoq::ddoq)
  add_library(ddoq::ddoq SHARED IMPORTED)
  set_target_properties(
    ddoq::ddoq PROPERTIES IMPORTED_LOCATION "${_ddoq_prefix}/libddoq.so" IMPORTED_SONAME libddoq.so
                          INTERFACE_INCLUDE_DIRECTORIES "${_ddoq_prefix}/include")
endif()
unset(_ddoq_prefix)
