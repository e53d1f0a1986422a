# SPDX-License-Identifier: MIT
# cpack makes a Debian package of a release build; DESTDIR works without it.
set(PACKAGE_MAINTAINER "local build <root@localhost>" CACHE STRING
  "Name and address of the person who builds the package")
set(PACKAGE_REVISION 1 CACHE STRING "Debian revision of this version")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME collectd-resource-alert)
set(CPACK_PACKAGE_CONTACT "${PACKAGE_MAINTAINER}")
set(CPACK_PACKAGE_HOMEPAGE_URL "https://collectd.org/")
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE ${PACKAGE_REVISION})
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# collectd-core depends on no library of any plugin: those come by shlibdeps.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "collectd-core (>= 5.12)")
# But for those that a plugin loads when an option needs them.
find_program(DPKG_QUERY dpkg-query)
get_property(sonames GLOBAL PROPERTY LOADED_SONAMES)
foreach(soname ${sonames})
  if(DPKG_QUERY)
    execute_process(COMMAND ${DPKG_QUERY} -S "*/${soname}" OUTPUT_VARIABLE owner ERROR_QUIET)
    string(REGEX REPLACE "^([^:]+):.*" ", \\1" owner "${owner}")
    string(APPEND CPACK_DEBIAN_PACKAGE_DEPENDS "${owner}")
  endif()
endforeach()
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS collectd)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Three plugins collect system statistics through libstatgrab, the state of an
application's connection pool from PostgreSQL or PgBouncer, and the sessions
in an application's log. A fourth plugin evaluates rules on every collectd
value and drives responses: degradation switches, scale-out, notifications,
commands.

resource-alertctl checks the configuration and controls the running plugin.")
set(package_dir ${PROJECT_BINARY_DIR}/package)
file(MAKE_DIRECTORY ${package_dir})
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  ${package_dir}/conffiles
  ${CMAKE_CURRENT_LIST_DIR}/debian/preinst ${CMAKE_CURRENT_LIST_DIR}/debian/postinst
  ${CMAKE_CURRENT_LIST_DIR}/debian/prerm ${CMAKE_CURRENT_LIST_DIR}/debian/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# An administrator's changes to the snippets survive an upgrade.
file(GLOB snippets CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/conf.d/*.conf)
set(conffiles "")
foreach(snippet ${snippets})
  cmake_path(GET snippet FILENAME name)
  string(APPEND conffiles "${COLLECTD_CONF_DIR}/${name}\n")
endforeach()
file(WRITE ${package_dir}/conffiles "${conffiles}")

# What Debian wants beside the files themselves, compressed without a date.
configure_file(${CMAKE_CURRENT_LIST_DIR}/debian/changelog.in ${package_dir}/changelog.Debian @ONLY)
find_program(GZIP gzip REQUIRED)
function(install_compressed source name destination)
  set(packed ${package_dir}/${name}.gz)
  add_custom_command(OUTPUT ${packed}
    COMMAND ${GZIP} -9nc ${source} > ${packed} DEPENDS ${source} VERBATIM)
  string(MAKE_C_IDENTIFIER "compressed_${name}" target)
  add_custom_target(${target} ALL DEPENDS ${packed})
  install(FILES ${packed} DESTINATION ${destination})
endfunction()
set(doc ${CMAKE_INSTALL_DATADIR}/doc/collectd-resource-alert)
install_compressed(${package_dir}/changelog.Debian changelog.Debian ${doc})
install_compressed(${PROJECT_SOURCE_DIR}/CHANGELOG.md changelog ${doc})
install(FILES ${CMAKE_CURRENT_LIST_DIR}/debian/copyright DESTINATION ${doc})
install(FILES ${CMAKE_CURRENT_LIST_DIR}/debian/lintian-overrides
  DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides RENAME collectd-resource-alert)
install(FILES ${CMAKE_CURRENT_LIST_DIR}/systemd/hardening.conf
  DESTINATION ${CMAKE_INSTALL_DATADIR}/collectd-resource-alert/systemd)
include(CPack)
