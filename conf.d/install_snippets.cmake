# SPDX-License-Identifier: MIT
# Installs SNIPPETS into CONF_DIR. A file that an administrator has edited is kept;
# the new version is installed as NAME.conf.new, which collectd does not read.
set(to "$ENV{DESTDIR}${CONF_DIR}")
foreach(snippet ${SNIPPETS})
  cmake_path(GET snippet FILENAME name)
  set(there "${to}/${name}")
  if(EXISTS "${there}")
    file(SHA256 "${snippet}" ours)
    file(SHA256 "${there}" theirs)
    if(NOT ours STREQUAL theirs)
      message(STATUS "Kept: ${there}; the new version is ${name}.new")
      file(COPY_FILE "${snippet}" "${there}.new")
      continue()
    endif()
  endif()
  file(INSTALL DESTINATION "${CONF_DIR}" TYPE FILE FILES "${snippet}")
  file(REMOVE "${there}.new")
endforeach()
