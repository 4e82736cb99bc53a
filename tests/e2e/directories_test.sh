#!/bin/bash
# import and export: which files are taken, what becomes of them, and the names they leave under.
. "${0%/*}/lib.sh" "$1"
mq create q || fail "create"
mkdir "$work/in" "$work/done" "$work/errors" "$work/files"
in=$work/in files=$work/files

# ---- what is left: temporary names, files open for writing, young ones
expect 1 import q "$in"
expect 66 import q "$work/nowhere"
expect 66 import nowhere "$in"
echo young >"$in/young"
expect 0 import q "$in"
one_id "$out"
[[ ! -e $in/young ]] || fail "a young file was not waited for"
echo growing >"$in/growing"
while sleep 0.2; do echo more >>"$in/growing"; done &
grower=$!
expect 2 import q "$in"
kill "$grower" && wait "$grower" 2>/dev/null
same '' "$out" "a growing file was taken"
holds '1 file left: too young' "$err" "files that change are counted"
echo unfinished >"$in/.hidden"
echo unfinished >"$in/upload.tmp"
echo unfinished >"$in/document.part"
exec 7>"$in/open"
expect 2 import q "$in" --quiet-for 0s
one_id "$out"
holds '3 files left: the name is temporary' "$err" "temporary names are counted"
holds '1 file left: too young, or being written' "$err" "open files are counted"
exec 7>&-
expect 2 --quiet import q "$in" --quiet-for 0s
same '' "$err" "--quiet"
[[ ! -e $in/open && -e $in/.hidden && -e $in/upload.tmp ]] || fail "the wrong files were taken"
rm "$in/.hidden" "$in/upload.tmp" "$in/document.part"
expect 0 purge q ALL

# ---- which, and where to
touch "$in"/{a.xml,b.xml,c.txt,d.bak}
expect 0 --json import q "$in" --quiet-for 0s --include '*.xml' --include '*.txt' --exclude 'b*' --keep
same 2 "$(wc -l <"$work/out")" "included and not excluded"
head -1 "$work/out" >"$work/first"
json_has "$work/first" '$.id' '$.file' '$.size'
expect 1 import q "$in" --quiet-for 0s --include '*.xml' --include '*.txt' --exclude 'b*' --keep
same 4 "$(find "$in" -type f | wc -l)" "kept"
expect 0 import q "$in" --quiet-for 0s --include '*.bak' --done "$work/done"
same d.bak "$(ls "$work/done")" "moved to --done"
touch "$in/e.bak"
(cd "$work" && expect 0 import q "$in" --quiet-for 0s --include '*.bak' --done here && [[ -e here/e.bak ]]) ||
  fail "a relative --done is not where the user is"
touch "$in"/f.bak{,.done}
expect 0 import q "$in" --ready done-file --include '*.bak*'
same '' "$err" "a done file that has done its work"
expect 1 import q "$in" --ready done-file --include '*.bak*'
expect 64 import q "$in" --keep --done "$work/done"
expect 64 import q "$in" --done "$in"
mq create strict --check well-formed-xml
echo '<a/>' >"$in/good.xml"
echo '<a>' >"$in/bad.xml"
expect 2 import strict "$in" --quiet-for 0s --include '[gb]*d.xml' --errors "$work/errors"
one_id "$out"
[[ -e $work/errors/bad.xml ]] || fail "the refused file is not in --errors"
counted 1 ready strict
expect 0 purge q ALL

# ---- records
mkdir "$work/tables"
printf 'n,m\n1,2\n3,4\n' >"$work/tables/two.csv"
expect 0 import q "$work/tables" --quiet-for 0s --split csv
one_id "$out"
expect 0 info q "$out"
counted 2 ready q
printf 'n,m\n' >"$work/tables/none.csv"
expect 0 import q "$work/tables" --quiet-for 0s --split csv
same '' "$out" "the id of nothing"
holds '1 file without a record' "$err" "a table without rows"
printf 'n,m\n1,2\n3\n' >"$work/tables/half.csv"
expect 2 import q "$work/tables" --quiet-for 0s --split csv
holds '1 file left for its bad records' "$err" "a file that stays"
expect 0 purge q ALL

# ---- names that leave
mq send q one -H name=report.xml -H site=LYS >/dev/null
expect 0 export q "$files"
same one "$(cat "$files/report.xml")" "{name}"
same report.xml "$out" "export says the names"
id=$(mq send q two)
expect 0 --json export q "$files"
same two "$(cat "$files/$id")" "{id} where there is no name"
json_has "$work/out" '$.id' '$.file'
expect 1 export q "$files"
mq send q three -H name=a.txt -H site=LYS >/dev/null
expect 0 export q "$files" --name '{header:site}-{stem}-{date:%Y}.{ext}' --mode 0640
same three "$(cat "$files/LYS-a-$(date -u +%Y).txt" 2>/dev/null || cat "$files/LYS-a-$(date +%Y).txt")" "a template"
same 640 "$(stat -c %a "$files"/LYS-*)" "--mode"
expect 64 export q "$files" --name '{nonsense}'
expect 64 export q "$files" --mode rw
expect 64 export q "$files" --exists maybe
mq send q four -H name=../../outside >/dev/null
expect 0 export q "$files"
[[ ! -e $work/outside && ! -e ${work%/*}/outside ]] || fail "a name led out of the directory"

# ---- a name that is taken
taken() { mq send q "$1" -H name=report.xml >/dev/null; }
taken fail
expect 2 export q "$files"
same one "$(cat "$files/report.xml")" "not overwritten"
counted 1 ready q
expect 0 export q "$files" --exists suffix
same fail "$(cat "$files/$out")" "another name"
taken replaced
expect 0 export q "$files" --exists replace
same replaced "$(cat "$files/report.xml")" "replaced"
taken skipped
expect 0 export q "$files" --exists skip
counted 0 ready q
same replaced "$(cat "$files/report.xml")" "skipped"
mq send q --lines < <(seq 5) >/dev/null
expect 0 export q "$files" --limit 3
counted 2 ready q
[[ -z $(find "$files" -name '.*' -type f) ]] || fail "temporaries were left behind"
exit 0
