# Breaks the kernels on purpose, one fault at a time, and expects a test to fail for each: the tests can fail.
#
#   cmake -DSOURCE=<repository> -DWORK=<scratch folder> [-DONLY=<part of a name>] -P native/tests/mutations.cmake
#
# Works on a copy; the repository is not touched. Each entry names the fault, the file, the text that is replaced (it
# must occur), the replacement, and the test that must fail.
cmake_minimum_required(VERSION 3.22)

foreach(needed SOURCE WORK)
  if(NOT ${needed})
    message(FATAL_ERROR "give -D${needed}=...")
  endif()
endforeach()
if(NOT JOBS)
  set(JOBS 1)
endif()

file(MAKE_DIRECTORY ${WORK})
file(COPY ${SOURCE}/kernels ${SOURCE}/native ${SOURCE}/CMakeLists.txt DESTINATION ${WORK}/copy
     PATTERN bin EXCLUDE PATTERN obj EXCLUDE)
execute_process(COMMAND ${CMAKE_COMMAND} -S ${WORK}/copy -B ${WORK}/build -DDDOQ_CUDA=OFF
                        -DDDOQ_WARNINGS_AS_ERRORS=OFF OUTPUT_QUIET ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY)

set(caught 0)
set(missed "")

function(mutate name file original replacement test)
  if(ONLY AND NOT name MATCHES "${ONLY}")
    return()
  endif()
  file(READ ${SOURCE}/${file} text)
  string(FIND "${text}" "${original}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "${name}: '${original}' is not in ${file}; bring mutations.cmake up to date")
  endif()
  string(REPLACE "${original}" "${replacement}" mutated "${text}")
  file(WRITE ${WORK}/copy/${file} "${mutated}")
  execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK}/build -j ${JOBS} --target ${test}_test
                  RESULT_VARIABLE built OUTPUT_VARIABLE build_log ERROR_VARIABLE build_log)
  if(NOT built EQUAL 0)
    message(FATAL_ERROR "${name}: the mutated source does not compile\n${build_log}")
  endif()
  execute_process(COMMAND ${WORK}/build/native/tests/${test}_test RESULT_VARIABLE result TIMEOUT 300
                  OUTPUT_VARIABLE output ERROR_VARIABLE output)
  file(WRITE ${WORK}/copy/${file} "${text}")
  if(result EQUAL 0)
    message("MISSED  ${name}")
    set(missed "${missed} [${name}]" PARENT_SCOPE)
  else()
    string(REGEX MATCH "FAILED  [^\n]*" which "${output}")
    message("caught  ${name}  (${test}: ${which})")
    math(EXPR count "${caught} + 1")
    set(caught ${count} PARENT_SCOPE)
  endif()
endfunction()

set(tile kernels/matrix_tile.cuh)
mutate("main loop: barrier removed" ${tile}
       "__syncthreads(); // this step's rows" "// this step's rows" assign)
mutate("main loop: wait for copies removed" ${tile}
       "copy_async_wait<Stages - 2>();" "" assign)
mutate("main loop: waits for one group too few" ${tile}
       "copy_async_wait<Stages - 2>();" "copy_async_wait<Stages - 1>();" gram)
mutate("main loop: last barrier removed" ${tile}
       "copy_async_wait<0>();\n        __syncthreads();" "copy_async_wait<0>();" assign)
mutate("main loop: accumulators not zeroed" ${tile}
       "accumulators_[i][j][e] = 0.0f;" "accumulators_[i][j][e] += 0.0f;" gram)
mutate("ldmatrix: wrong lane for A" ${tile}
       "i * 16 + (lane() & 15)" "i * 16 + ((lane() + 1) & 15)" gram)
mutate("ldmatrix: wrong half for B" ${tile}
       "((lane() >> 3) & 1)" "((lane() >> 4) & 1)" assign)
mutate("copies: D's tail one element short" ${tile}
       "dimension - column : 0;\n    const int elements" "dimension - column - 1 : 0;\n    const int elements" gram)
mutate("low part of the centroids ignored" ${tile}
       "for (int part = 0; part < b_parts; part++) {\n                const" "for (int part = 0; part < 1; part++) {\n                const" assign)
mutate("main loop: a warp with one row left out" ${tile}
       "(Rows / WarpRows) < a.count" "(Rows / WarpRows) < a.count - 1" assign)
mutate("main loop: a warp with one column left out" ${tile}
       "(Columns / WarpColumns) < b.count" "(Columns / WarpColumns) < b.count - 1" assign)
mutate("assign: tiles turned past the grid" kernels/classes.cuh
       "(block + wave) % grid" "(block + wave)" assign)
mutate("assign: short tiles to the same blocks" kernels/classes.cuh
       "(block + wave) % grid" "block" assign)
mutate("assign: barrier before the merge removed" kernels/assign.cu
       "            __syncthreads();\n            if (thread < Tile::BlockRows)" "            if (thread < Tile::BlockRows)" assign)
mutate("assign: barrier after the merge removed" kernels/assign.cu
       "__syncthreads(); // the next rows" "// the next rows" assign)
mutate("assign: ties to the highest index" kernels/assign.cu
       "index < best_index" "index > best_index" assign)
mutate("assign: ties by order of arrival" kernels/assign.cu
       "value < best || (value == best && index < best_index)" "value < best" assign)
mutate("assign: last centroid left out" kernels/assign.cu
       "column < centroid_count" "column < centroid_count - 1" assign)
mutate("gram: last column left out" kernels/gram.cu
       "column >= range.row_count" "column >= range.row_count - 1" gram)
mutate("gram: lower triangle not stored" kernels/gram.cu
       "if (row != column)" "if (false)" gram)
mutate("gram: shift of the columns left out" kernels/gram.cu
       "(row_shift + column_shifts[j])" "row_shift" gram)
mutate("fma tile: barrier removed" kernels/fma_tile.cuh
       "copy_async_wait<Stages - 2>();\n            __syncthreads();" "copy_async_wait<Stages - 2>();" gram)
mutate("fma tile: accumulators not zeroed" kernels/fma_tile.cuh
       "accumulators_[i][j] = 0.0f;" "accumulators_[i][j] += 0.0f;" gram)
mutate("norms: tail left out" kernels/rows.cuh
       "i < dimension; i += 32)" "i < dimension - 1; i += 32)" assign)

mutate("center: first half of the mean for both" kernels/rows.cuh
       "other + i + e * 4" "other + i" gram)
mutate("distances: first half of the centroid for both" kernels/rows.cuh
       "other + i + e * 4" "other + i" centroids)
mutate("distances: tail beside left out" kernels/rows.cuh
       "i < dimension; i += 32)\n        visit(to_float(row[i]), other[i])" "i < done; i += 32)\n        visit(to_float(row[i]), other[i])" centroids)
mutate("centroids: barrier before the list is read removed" kernels/columns.cuh
       "= index;\n    __syncthreads();" "= index;" centroids)
mutate("centroids: barrier before the list is rewritten removed" kernels/columns.cuh
       "    __syncthreads(); // and the last" "    // and the last" centroids)
mutate("centroids: last column of a chunk left out" kernels/columns.cuh
       "return column(i) < dimension_;" "return column(i) < dimension_ - 1;" centroids)
mutate("cluster: barrier of block sums removed" kernels/cooperation.cuh
       "scratch[rank() / 32] = value;\n        __syncthreads();\n        double total" "scratch[rank() / 32] = value;\n        double total" cluster)
mutate("cluster: barrier after carrying out moves removed" kernels/cluster_hartigan.cuh
       "joined[column] + source[column] : source[column];\n        }\n    }\n    __syncthreads();" "joined[column] + source[column] : source[column];\n        }\n    }" cluster)
mutate("cluster: farthest row by the highest index" kernels/cluster_lloyd.cuh
       "farthest = key > farthest ? key : farthest;" "farthest = key >> 32 >= farthest >> 32 ? key : farthest;" cluster)
mutate("cluster: nearest row instead of the farthest" kernels/cluster_lloyd.cuh
       "farthest = key > farthest ? key : farthest;" "farthest = farthest == 0 || key < farthest ? key : farthest;" cluster)
mutate("cluster: Hartigan without the factor of joining" kernels/cluster_hartigan.cuh
       "static_cast<float>(s.a.counts[k] / (s.a.counts[k] + 1.0))" "1.0f" cluster)
mutate("cluster: moves that share a cell" kernels/cluster_hartigan.cuh
       "s.a.touched[to] = round;" "" cluster)
mutate("cluster: ties of centroids to the highest index" kernels/cluster_space.cuh
       "if (value < best) {" "if (value <= best) {" cluster)
mutate("cluster: sums of cells not zeroed" kernels/cluster_cells.cuh
       "s.a.actions[k] == AddChanges && column + e * 32 < s.rows ?" "column + e * 32 < s.rows ?" cluster)
mutate("cluster: classes taken twice" kernels/cluster.cu
       "grid + atomicAdd" "atomicAdd" cluster)
mutate("cluster: barrier before a class is dealt removed" kernels/cluster.cu
       "__syncthreads(); // all threads have read the last one" "" cluster)
mutate("cluster: barrier after a class is dealt removed" kernels/cluster.cu
       "atomicAdd(p.next_class, 1);\n    __syncthreads();" "atomicAdd(p.next_class, 1);" cluster)
mutate("support: points do not push each other" kernels/cluster_support.cuh
       "l == k ? u.ties[k] : -mass" "l == k ? 0.0 : 0.0 * mass" support)
mutate("support: rows weigh as one" kernels/cluster_support.cuh
       "static_cast<double>(s.rows) / s.centroids;" "1.0;" support)
mutate("support: mixture kept where the energy rises" kernels/cluster_support.cuh
       "if (!(reached.energy < energy)) {\n            step_along" "if (reached.energy == INFINITY) {\n            step_along" support)
mutate("support: barrier after the products removed" kernels/cluster_support.cuh
       "+ column] = sums[k];\n        }\n    }\n    __syncthreads();" "+ column] = sums[k];\n        }\n    }" support)
mutate("support: the last restart is kept" kernels/cluster.cu
       "!(distortion < p.reports[c].distortion)" "false" support)
mutate("random numbers: nine rounds" kernels/counter_random.cuh
       "round < 10" "round < 9" cluster)
mutate("weighted_ce: maximum not taken off" kernels/weighted_ce.cu
       "return (z - largest) * a;" "return z * a;" weighted_ce)
mutate("weighted_ce: barrier of the row's sums removed" kernels/weighted_ce.cu
       "scratch[rank() / 32] = value;\n        __syncthreads();" "scratch[rank() / 32] = value;" weighted_ce)
mutate("weighted_ce: last class left out" kernels/weighted_ce.cu
       "i < count; i += group.size())\n            visit_element" "i < count - 1; i += group.size())\n            visit_element" weighted_ce)
mutate("weighted_ce: teacher's logits not scaled" kernels/weighted_ce.cu
       "target_a = Log2E / p.target_temperature" "target_a = Log2E" weighted_ce)
mutate("weighted_ce: entropy of the teacher without its scale" kernels/weighted_ce.cu
       "logarithm -= logf(mass);" "" weighted_ce)
mutate("clvq_update: step off by one" kernels/clvq_update.cu
       "p.step_begin[c] + row + 1" "p.step_begin[c] + row" clvq_update)

message("${caught} mutations caught")
if(missed)
  message(FATAL_ERROR "missed:${missed}")
endif()
