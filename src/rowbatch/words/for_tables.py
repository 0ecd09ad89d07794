"""Tables in and out."""

from __future__ import annotations

from rowbatch.words.telling import Entry

_MORE_CELL = (
    "if its cells are that long, set {variable} in the environment to more, in MB",
    "如果单元格确实这么长，请在环境变量 {variable} 中设置更大的值（MB）",
)
_RIGHT_FILE = ("is it the right file?", "选对文件了吗？")
_QUOTES = (
    'a double quote inside a quoted cell is written twice: "she said ""no"""',
    '引号内的单元格里，双引号要写两次："她说""不"""',
)
_FROM_R = (
    'in R: export convert(corpus, to = "data.frame"), or any data.frame, with saveRDS',
    '请在 R 中用 saveRDS 导出 convert(corpus, to = "data.frame") 或任意 data.frame',
)
_WHICH_ENCODING = (
    "choose the encoding in which the text looks right; or choose what to do with broken rows",
    "请选择能让文字正确显示的编码；也可以选择如何处理损坏的行",
)

_READ: dict[str, Entry] = {
    "refi-no-table": Entry(
        "{path} holds codes, and no texts: it is a codebook, and no table",
        "give it as the codebook: --codebook {path}",
        page="take it over as the codebook of another table",
        zh=("{path} 中只有编码，没有文本：它是编码手册，不是表", "请把它作为另一个表的编码手册"),
    ),
    "refi-no-texts": Entry(
        "there are no texts in the project {path}",
        "pictures, sound and films cannot be read; codes alone are a codebook: --codebook {path}",
        page="pictures, sound and films cannot be read; codes alone can be taken over as a codebook",
        zh=("项目 {path} 中没有文本", "无法读取图片、声音和影片；只有编码时，可把它作为编码手册"),
    ),
    "refi-project-broken": Entry(
        "the project {path} cannot be read: {told}",
        "export it once more from the program that it comes from",
        zh=("无法读取项目 {path}：{told}", "请从原来的程序重新导出"),
    ),
    "note-project-documents": Entry(
        "{count:,} {count:document is|documents are} put together from {count:its|their} units; what stood "
        "between two units is blank",
        zh=("由文本单元拼成了 {count:,} 个文档；单元之间原有的内容为空白", ""),
    ),
    "note-refi-project": Entry(
        "{path} is read as a project of REFI-QDA: {sources:,} {sources:text|texts} with {codings:,} "
        "{codings:coding|codings}; a column for each question and coder: {coders}",
        zh=(
            "{path} 按 REFI-QDA 项目读取：{sources:,} 个文本，{codings:,} 条编码；每个问题和编码者各占一列：{coders:、}",
            "",
        ),
    ),
    "note-refi-left-out": Entry(
        "of the project {path} this is no part of the table: {parts}",
        zh=("项目 {path} 中的以下内容不在表里：{parts:、}", ""),
    ),
    "note-project-left-out": Entry(
        "no place in a project of REFI-QDA ({count:,}): {names}",
        zh=("REFI-QDA 项目中没有位置的列（{count:,} 个）：{names:、}", ""),
    ),
    "note-project-line-ends": Entry(
        "{count:,} {count:text has|texts have} LF at the ends of {count:its|their} lines in the project, and no "
        "byte order mark",
        zh=("{count:,} 个文本在项目中以 LF 换行，且没有字节顺序标记", ""),
    ),
    "note-error-cells": Entry(
        "cells of the sheet {sheet!r} of {path} that show an error such as #N/A: {count}; they are read as that text",
        zh=("{path} 的工作表“{sheet}”中有 {count} 个单元格显示 #N/A 之类的错误；按该文字读取", ""),
    ),
    "note-uncomputed-formulas": Entry(
        "cells of the sheet {sheet!r} of {path} with a formula that no program has computed: {count}; they are read as "
        "empty: open and save the workbook in Excel or LibreOffice to have their values",
        zh=(
            "{path} 的工作表“{sheet}”中有 {count} 个单元格的公式尚未计算，按空单元格读取：请用 Excel 或 LibreOffice "
            "打开并保存一次，以得到其值",
            "",
        ),
    ),
    "note-rows-below": Entry(
        "the last {count:,} {count:row|rows} of the sheet {sheet!r} of {path}, from row {row:,} on, {count:looks|look} like "
        "a note below the table; {count:it is a row|they are rows} like the others",
        zh=(
            "{path} 的工作表“{sheet}”最后 {count:,} 行（自第 {row:,} 行起）像是表格下方的注释；仍按普通行处理",
            "",
        ),
    ),
    "column-in-other-sheet": Entry(
        "the sheet {sheet!r} of {path} has no column {column!r}; it is in {sheets:, }",
        "say --sheet {first!r}; the columns of {sheet!r} are: {columns!r}",
        page="choose another sheet; the columns of {sheet!r} are: {columns!r}",
        zh=(
            "{path} 的工作表“{sheet}”没有名为“{column}”的列；它在 {sheets:、} 中",
            "请选择另一个工作表；“{sheet}”的列有：“{columns:”、“}”",
        ),
    ),
    "note-other-files": Entry(
        "{count:,} {count:file|files} of the folder {count:is|are} no document that is read: {kinds:, }",
        zh=("文件夹中有 {count:,} 个文件不是可读取的文档：{kinds:、}", ""),
    ),
    "note-pages-without-text": Entry(
        "{count:,} {count:PDF has|PDFs have} pages and no text, as scanned ones do: {files:, }; a program that recognises "
        "letters (OCR) makes text of them",
        zh=("{count:,} 个 PDF 只有图像没有文字（例如扫描件）：{files:、}；请先用文字识别（OCR）程序处理", ""),
    ),
    "document-broken": Entry(
        "{path} cannot be read as a document: {told}",
        "open it in the program that it is of and save it anew, or take it out of the folder",
        zh=("{path} 无法作为文档读取：{told}", "请用原来的程序打开并重新保存，或将它移出文件夹"),
    ),
    "document-locked": Entry(
        "{path} is locked with a password",
        "save it without the password, or take it out of the folder",
        zh=("{path} 设有密码", "请去掉密码后重新保存，或将它移出文件夹"),
    ),
    "document-too-old": Entry(
        "{path} is a document of an old form that is not read",
        "open it in Word or LibreOffice and save it as .docx",
        zh=("{path} 是不支持的旧文档格式", "请用 Word 或 LibreOffice 打开并另存为 .docx"),
    ),
    "documents-need-extra": Entry(
        "{path} is a PDF, and what reads these is not installed",
        "pip install 'rowbatch[documents]'",
        page="have the extra “documents” installed, or take the PDF files out of the folder",
        zh=("{path} 是 PDF，而读取它的组件尚未安装", "请安装“documents”扩展，或将 PDF 移出文件夹"),
    ),
    "note-program": Entry(
        "{path} is read as an export of {program}: {lines:,} {lines:line|lines} below the first one {lines:is|are} no "
        "{lines:row|rows}, and what the questions are stays as labels (--program plain reads the file as it stands)",
        page_message="{path} is read as an export of {program}: {lines:,} {lines:line|lines} below the first one "
        "{lines:is|are} no {lines:row|rows}, and what the questions are stays as labels",
        zh=("{path} 按 {program} 的导出文件读取：第一行之下的 {lines:,} 行不是数据，题目文字保留为标签", ""),
    ),
    "note-odk": Entry(
        "{path} is an export of ODK: its table {table!r}, a row a submission, is read; beside it lie "
        "{tables:, } (--sheet NAME), with a row for each time that a group was repeated",
        page_message="{path} is an export of ODK: its table {table!r}, a row a submission, is read; beside it "
        "lie {tables:, }, with a row for each time that a group was repeated",
        zh=(
            "{path} 是 ODK 的导出文件：读取的是表“{table}”，每份提交一行；另外还有 {tables:、}，重复组的每一次各占一行",
            "",
        ),
    ),
    "note-repeat": Entry(
        "{path}: {table!r} has a row for each time that a group was repeated; what {parents!r} says of it stands in the "
        "columns behind its own",
        zh=("{path}：“{table}”中重复组的每一次各占一行；“{parents}”中对应的内容放在它自己的列之后", ""),
    ),
    "note-repeat-alone": Entry(
        "{path}: {rows:,} {rows:row names|rows name} nothing that stands in {parents!r}: those columns are empty there",
        zh=("{path}：{rows:,} 行在“{parents}”中找不到对应内容：那些列为空", ""),
    ),
    "note-redcap": Entry(
        "{path} is read as records of REDCap: {columns:,} {columns:column has its question|columns have their questions} "
        "and choices from {dictionary}",
        zh=("{path} 按 REDCap 的记录读取：{columns:,} 列的题目和选项来自 {dictionary}", ""),
    ),
    "note-redcap-dictionary": Entry(
        "{path} is read as it stands; beside it lies {dictionary}, which has the questions and choices of its columns "
        "(--program redcap takes them)",
        page_message="{path} is read as it stands; beside it lies {dictionary}, which has the questions and choices of "
        "its columns: a zip file of both has them",
        zh=("{path} 按原样读取；旁边的 {dictionary} 有各列的题目和选项：把两者放进一个 zip 文件即可使用", ""),
    ),
    "note-redcap-alone": Entry(
        "{path} is read as it stands: no data dictionary of REDCap that has its fields lies beside it",
        zh=("{path} 按原样读取：旁边没有包含其字段的 REDCap 数据字典", ""),
    ),
    "note-redcap-no-names": Entry(
        "{path} is what REDCap exports for SPSS, SAS and Stata, without names of columns: its first line is a row; its "
        "export as “CSV / Microsoft Excel” has the names",
        zh=(
            "{path} 是 REDCap 为 SPSS、SAS 和 Stata 导出的文件，没有列名：第一行是数据；选择“CSV / Microsoft Excel”导出则有列名",
            "",
        ),
    ),
    "redcap-odm": Entry(
        "{path} is a project of REDCap as XML (CDISC ODM), and no table",
        "export its records as “CSV / Microsoft Excel (raw data)”, and the data dictionary beside them",
        zh=(
            "{path} 是 REDCap 项目的 XML（CDISC ODM），不是数据表",
            "请把记录导出为“CSV / Microsoft Excel (raw data)”，并一并下载数据字典",
        ),
    ),
    "note-annotations": Entry(
        "{path} is read as an export of {program}: {rows:,} {rows:item|items}, a row each, with a column for each "
        "label of each coder (--program plain reads the file as it stands)",
        page_message="{path} is read as an export of {program}: {rows:,} {rows:item|items}, a row each, with a column "
        "for each label of each coder",
        zh=(
            "{path} 按 {program} 的导出文件读取：{rows:,} 个条目，每个一行；每位编码者的每个标签各占一列",
            "",
        ),
    ),
    "note-annotations-cancelled": Entry(
        "{count:,} {count:annotation|annotations} of {path} {count:was|were} cancelled by {count:its coder|their coders} "
        "and {count:is no label|are no labels}",
        zh=("{path} 中有 {count:,} 条标注已被编码者取消，不算作标签", ""),
    ),
    "note-fields-left-out": Entry(
        "what the program keeps for itself in {path} is left out: {columns:, }",
        zh=("{path} 中程序自用的字段已略去：{columns:、}", ""),
    ),
    "note-doccano": Entry(
        "{path} is read as an export of doccano: a list of one label is that label, and several stay a list "
        "(--program plain reads the file as it stands)",
        page_message="{path} is read as an export of doccano: a list of one label is that label, and several stay a list",
        zh=("{path} 按 doccano 的导出文件读取：只有一个标签的列表读作该标签，多个标签仍为列表", ""),
    ),
    "note-running-text": Entry(
        "{path} looks like running text, and is read as one text, a single row; where each line is a row, as in a list of "
        "posts: --program lines",
        page_message="{path} looks like running text, and is read as one text, a single row; where each line is a row, as in a "
        "list of posts, choose “a text, each line a row” as the program that wrote it",
        zh=(
            "{path} 看起来是连续的文字，作为一个文本（一行）读取；如果每行是一条记录（例如帖子列表），请在“由哪个程序导出”中选择“文本文件，每行一条记录”",
            "",
        ),
    ),
    "note-sheet-read": Entry(
        "of {path} the sheet {sheet!r} is read; there are also {sheets:, }",
        zh=("{path} 读取的是工作表“{sheet}”；另外还有 {sheets:、}", ""),
    ),
    "note-encoding-guessed": Entry(
        "{path} looks like {encoding}, and is read so; --encoding says otherwise",
        page_message="{path} looks like {encoding}, and is read so",
        zh=("{path} 看起来是 {encoding} 编码，按此读取", ""),
    ),
    "note-bad-rows": Entry(
        "{count:,} broken {count:row|rows} of {path}, kept or left out as you said, first in "
        "{count:line|lines} {lines:, }",
        zh=("{path} 中有 {count:,} 行有误，已按您的选择保留或略去；行号：{lines:、}", ""),
    ),
    "table-without-rows": Entry(
        "{path} has a header but no rows",
        _RIGHT_FILE[0],
        zh=("{path} 只有表头，没有数据行", _RIGHT_FILE[1]),
    ),
    "no-such-column": Entry(
        "{path} has no column {column!r}",
        "its columns are: {columns!r}",
        zh=("{path} 没有名为“{column}”的列", "它的列有：“{columns:”、“}”"),
    ),
    "no-such-column-but-near": Entry(
        "{path} has no column {column!r}; did you mean {near!r}?",
        "its columns are: {columns!r}",
        zh=("{path} 没有名为“{column}”的列；您是指“{near}”吗？", "它的列有：“{columns:”、“}”"),
    ),
    "no-such-column-but-one": Entry(
        "{path} has no column {column!r}: all of its header line is one column, {whole!r}",
        "say what separates its cells: --delimiter {delimiter!r}",
        page="choose another separator: it seems to be {delimiter!r}",
        zh=(
            "{path} 没有名为“{column}”的列：表头整行成了一列，即“{whole}”",
            "请选择其他分隔符：似乎是“{delimiter}”",
        ),
    ),
    "no-such-column-in-text": Entry(
        "{path} has no column {column!r}: it looks like running text, and not like a table",
        "put it into a folder, and give the folder: each .txt file in it is a row, with the column text; where each line is a "
        "row: --program lines, with the same column",
        page="put it into a folder, and give the folder: each .txt file in it is a row, with the column text; where each line "
        "is a row, choose “a text, each line a row” as the program that wrote it",
        zh=(
            "{path} 没有名为“{column}”的列：它看起来是普通文本，而不是数据表",
            "请把它放进一个文件夹并给出该文件夹：其中每个 .txt 文件是一行，列名为 text；如果每行是一条记录，"
            "请在“由哪个程序导出”中选择“文本文件，每行一条记录”",
        ),
    ),
    "no-such-column-in-list": Entry(
        "{path} has no column {column!r}: its first line was taken for the names of columns, {columns!r}",
        "where each line is a text of its own: --program lines, with the column text; else name one of these columns",
        page="where each line is a text of its own, choose “a text, each line a row” as the program that wrote it",
        zh=(
            "{path} 没有名为“{column}”的列：第一行被当作列名：“{columns:”、“}”",
            "如果每行是一条独立的文本，请在“由哪个程序导出”中选择“文本文件，每行一条记录”",
        ),
    ),
    "note-columns-taken": Entry(
        "the table has {taken!r} already, and keeps it; what the model says is in {ours!r}",
        zh=("数据表已有“{taken:”、“}”列，会保留不变；模型的结果在“{ours:”、“}”列中", ""),
    ),
    "column-twice": Entry(
        "{path} has {count} columns named {column!r}: number {numbers}",
        "give them different names in the header line",
        zh=("{path} 有 {count} 列都叫“{column}”：第 {numbers:、} 列", "请在表头中给它们取不同的名称"),
    ),
    "table-damaged": Entry(
        "{path} is damaged: {told}",
        "fetch it again, or save it anew",
        zh=("{path} 已损坏：{told}", "请重新获取或重新保存这个文件"),
    ),
    "table-type-unknown": Entry(
        "{path} has a column of a type that cannot be read: {told}",
        "save the file without that column, or with it as text; categories of an Arrow file can be read from Parquet",
        zh=(
            "{path} 中有一列的类型无法读取：{told}",
            "请去掉该列或将其转为文本后重新保存；Arrow 文件中的分类列可改存为 Parquet",
        ),
    ),
    "packed-file-damaged": Entry(
        "{path} is packed, and damaged or cut off: {told}",
        "fetch it again; nothing was read past the damage",
        zh=("{path} 是压缩文件，已损坏或不完整：{told}", "请重新获取；损坏处之后的内容都没有读取"),
    ),
    "packed-needs-memory": Entry(
        "{path} is packed so that unpacking it takes more than {most_mb:,} MB of memory",
        "unpack it (zstd -d --long=31, or xz -d), or pack it with a lower level",
        page="unpack it with the program that packed it, or pack it with a lower level",
        zh=(
            "{path} 的压缩方式使解压需要超过 {most_mb:,} MB 内存",
            "请用压缩它的程序解压，或用较低的级别压缩",
        ),
    ),
    "table-needs-memory": Entry(
        "reading {path} takes about {needed_gb:.1f} GB of memory, and at most {most_gb:.1f} GB may be used",
        "save it as CSV, which is read a piece at a time, or close other programs; {variable} in the environment "
        "sets another limit, in GB",
        zh=(
            "读取 {path} 大约需要 {needed_gb:.1f} GB 内存，而最多可以使用 {most_gb:.1f} GB",
            "请存为可以逐段读取的 CSV，或关闭其他程序；环境变量 {variable} 可以设置另一个上限（GB）",
        ),
    ),
    "limit-on-memory": Entry(
        "{path} is not read: this process may take {limit_mb:,} MB of memory, and {least_mb:,} MB are the least",
        "`{name} unlimited` takes the limit away, where it is yours; else ask your cluster for more memory",
        page="start the program without such a limit, see {name}; or use a computer with more memory",
        zh=(
            "没有读取 {path}：此进程最多可用 {limit_mb:,} MB 内存，而至少需要 {least_mb:,} MB",
            "请取消此限制（见 {name}）后重新启动程序，或使用内存更大的计算机",
        ),
    ),
    "sheet-needs-memory": Entry(
        "{path}: the sheet reaches to row {rows:,} and column {columns:,}, which takes about {needed_gb:.1f} GB of "
        "memory, and at most {most_gb:.1f} GB may be used",
        "delete what stands far away from the table (Ctrl+End goes there), or save the sheet as CSV; {variable} in "
        "the environment sets another limit, in GB",
        zh=(
            "{path}：工作表延伸到第 {rows:,} 行、第 {columns:,} 列，大约需要 {needed_gb:.1f} GB 内存，"
            "而最多可以使用 {most_gb:.1f} GB",
            "请删除远离数据表的内容（按 Ctrl+End 可跳到那里），或把工作表另存为 CSV；"
            "环境变量 {variable} 可以设置另一个上限（GB）",
        ),
    ),
    "cell-too-large": Entry(
        "{path}, row {row:,}, column {column!r}: a cell of more than {most:,} bytes",
        _MORE_CELL[0],
        zh=("{path} 第 {row:,} 行的“{column}”列：单元格超过 {most:,} 字节", _MORE_CELL[1]),
    ),
    "too-many-columns": Entry(
        "{path} has {columns:,} columns, and a table may have {most:,}",
        "is its first line the header? Leave columns out that are not needed",
        zh=("{path} 有 {columns:,} 列，而数据表最多可以有 {most:,} 列", "第一行是表头吗？请去掉不需要的列"),
    ),
    "environment-no-number": Entry(
        "{variable} is set to {value!r} in the environment, which is no number above 0",
        "set it to a number, or leave it out",
        zh=("环境变量 {variable} 的值是“{value}”，不是大于 0 的数", "请把它设为数字，或去掉它"),
    ),
    "encoding-does-not-fit": Entry(
        "--encoding does not fit: {path} is {is_a}",
        "leave --encoding out",
        page="let the encoding be found out by itself",
        page_message="an encoding does not fit {path}",
        zh=("{path} 不适用编码设置", "请将编码设为“自动识别”"),
    ),
    "delimiter-does-not-fit": Entry(
        "--delimiter does not fit: {path} is {is_a}",
        "leave --delimiter out",
        page="let the separator be found out by itself",
        page_message="a separator does not fit {path}",
        zh=("{path} 不适用分隔符设置", "请将分隔符设为“自动识别”"),
    ),
    "sheet-does-not-fit": Entry(
        "--sheet does not fit: {path} is {is_a}",
        "leave --sheet out",
        page="choose no sheet",
        page_message="a sheet does not fit {path}",
        zh=("{path} 没有工作表可选", "请不要选择工作表"),
    ),
    "header-no-lines": Entry(
        "a header is a line, as in 3, or several, as in 1-3, and not {header!r}",
        "lines count from 1; first is the first line with something in it, and none that there is no header",
        page="choose the line with the names of the columns",
        zh=("表头应为行号（如 3）或多行（如 1-3），而不是“{header}”", "请选择含列名的那一行"),
    ),
    "header-and-none": Entry(
        "--header and --no-header say different things",
        "leave one of them out",
        page="choose one of them",
        page_message="the line of the header, and that there is none, are both chosen",
        zh=("“表头行”与“没有表头”互相矛盾", "请只选择其一"),
    ),
    "skip-rows-negative": Entry(
        "lines that are left out are counted from 0",
        "for example: --skip-rows 2",
        page="for example: 2",
        zh=("要略过的行数从 0 起", "例如：2"),
    ),
    "mark-not-one-character": Entry(
        "{option} is one character, or none",
        'for example: {option} "\'"',
        page="for example: '",
        page_message="what stands around a cell, or before a quote in it, is one character",
        zh=("引号和转义符只能是一个字符", "例如：'"),
    ),
    "no-such-program": Entry(
        "there is no program {program!r} whose exports are known",
        "known are {known}",
        page="known are {known}",
        zh=("没有名为“{program}”的程序", "可选：{known:、}"),
    ),
    "not-of-program": Entry(
        "{path} is no export of {program}",
        "leave --program out, or say plain to read the file as it stands",
        page="let the program be found out",
        zh=("{path} 不是 {program} 导出的文件", "请选择“自动识别”"),
    ),
    "option-does-not-fit": Entry(
        "{option} does not fit: {path} is {is_a}",
        "leave {option} out",
        page="let it be found out",
        page_message="a choice of how to read it does not fit {path}",
        zh=("{path} 不能这样读取", "请选择“自动识别”"),
    ),
    "bad-rows-do-not-fit": Entry(
        "--on-bad-rows does not fit: {path} is {is_a}",
        "leave --on-bad-rows out",
        page="for broken rows, choose “stop and say where”",
        page_message="a choice for broken rows does not fit {path}",
        zh=("{path} 不能选择如何处理损坏的行", "请在“损坏的行”中选择“停止并指出位置”"),
    ),
    "column-changes-type": Entry(
        "{path} cannot hold the column {column!r}: its first values are {first}, and later ones {later}",
        "write the table as CSV, whose cells are texts: -o NAME.csv",
        page="choose CSV, whose cells are texts",
        zh=(
            "{path} 无法保存“{column}”列：它前面的值是 {first}，后面的值是 {later}",
            "请选择 CSV，其单元格都是文本",
        ),
    ),
    "table-rows-unreadable": Entry(
        "{path} has {rows:,} rows, of which only {read:,} could be read: it is damaged, or has a type of values that "
        "is not known",
        "save it anew in the program that wrote it, as Parquet or CSV",
        zh=(
            "{path} 有 {rows:,} 行，但只能读出 {read:,} 行：文件已损坏，或含有未知的值类型",
            "请在写出它的程序中重新保存为 Parquet 或 CSV",
        ),
    ),
    "frame-unusable": Entry(
        "this data frame cannot be used: {told}",
        zh=("无法使用这个数据框：{told}", ""),
    ),
    "frame-column-twice": Entry(
        "the column {column!r} stands twice in this data frame",
        "give one of them another name, in the index too",
        zh=("数据框中“{column}”列出现了两次", "请给其中一个改名（索引也一样）"),
    ),
    "frame-lengths-differ": Entry(
        "the columns of this table are not equally long: {columns}",
        "give each as many values",
        zh=("表中各列长度不同：{columns:；}", "请让各列的值一样多"),
    ),
    "frame-cell-unusable": Entry(
        "the column {column!r} of this data frame has a value in row {row:,} that no table can hold: of the type "
        "{type}",
        "make it a text, a number or a date, or leave the column out",
        zh=(
            "数据框“{column}”列第 {row:,} 行的值无法存入数据表：其类型为 {type}",
            "请把它变成文本、数字或日期，或去掉该列",
        ),
    ),
    "no-table": Entry(
        "{given} is no table",
        "give a file's path, a polars or pandas DataFrame, or an Arrow table",
        page="choose a file",
        zh=("{given} 不是数据表", "请选择文件"),
    ),
}

_TEXT: dict[str, Entry] = {
    "no-such-encoding": Entry(
        "there is no encoding {encoding!r}",
        "for example: utf-8, latin-1, cp1252, gb18030",
        page="choose one of the list",
        zh=("没有名为“{encoding}”的编码", "请从列表中选择"),
    ),
    "encoding-unknown": Entry(
        "{path}: not UTF-8, and it cannot be told which encoding it is",
        "say which encoding it has, as in --encoding cp1252; it could be {candidates}",
        page="choose the encoding in which the text looks right; it could be {candidates}",
        zh=(
            "{path}：不是 UTF-8，也无法判断是哪种编码",
            "请选择能让文字正确显示的编码；可能是 {candidates:、}",
        ),
    ),
    "encoding-unknown-at": Entry(
        "{path}, line {line:,}, byte {byte:,} of the line: not UTF-8, and it cannot be told which encoding it "
        "is",
        "say which encoding it has, as in --encoding cp1252; it could be {candidates}",
        page="choose the encoding in which the text looks right; it could be {candidates}",
        zh=(
            "{path} 文件第 {line:,} 行，该行第 {byte:,} 个字节：不是 UTF-8，也无法判断是哪种编码",
            "请选择能让文字正确显示的编码；可能是 {candidates:、}",
        ),
    ),
    "encoding-of-two": Entry(
        "{path}: not UTF-8, and it may be {first} or {second}: {one!r} or {other!r}",
        "say which of the two looks right: --encoding {first} or --encoding {second}",
        page="choose the encoding in which the text looks right",
        zh=(
            "{path}：不是 UTF-8，可能是 {first} 或 {second}：“{one}”或“{other}”",
            "请选择能让文字正确显示的编码",
        ),
    ),
    "note-two-readings": Entry(
        "the table is read as {first}, but may be {second}: {one!r} or {other!r}; if the second looks right: "
        "--encoding {second}",
        page_message="the table is read as {first}, but may be {second}: {one!r} or {other!r}; choose the one that "
        "looks right",
        zh=("数据表按 {first} 读取，但也可能是 {second}：“{one}”或“{other}”；请选择显示正确的一种", ""),
    ),
    "not-of-encoding": Entry(
        "{path}: not {encoding}",
        "say which encoding it has, as in --encoding cp1252 (Windows), latin-1, gb18030 (Chinese); or leave such "
        "rows out: --on-bad-rows skip",
        page=_WHICH_ENCODING[0],
        zh=("{path}：不是 {encoding}", _WHICH_ENCODING[1]),
    ),
    "not-of-encoding-told": Entry(
        "{path}: not {encoding} ({told})",
        "say which encoding it has, as in --encoding cp1252 (Windows), latin-1, gb18030 (Chinese); or leave such "
        "rows out: --on-bad-rows skip",
        page=_WHICH_ENCODING[0],
        zh=("{path}：不是 {encoding}（{told}）", _WHICH_ENCODING[1]),
    ),
    "byte-order-mark-missing": Entry(
        "{path}: not {encoding} with a byte order mark ({told})",
        "say which encoding it has, as in --encoding cp1252 (Windows), latin-1, gb18030 (Chinese); or leave such "
        "rows out: --on-bad-rows skip",
        page=_WHICH_ENCODING[0],
        zh=("{path}：不是带字节顺序标记的 {encoding}（{told}）", _WHICH_ENCODING[1]),
    ),
    "bytes-not-of-encoding": Entry(
        "{path}, line {line:,}, byte {byte:,} of the line: not {encoding}",
        "say which encoding it has, as in --encoding cp1252 (Windows), latin-1, gb18030 (Chinese); or leave such "
        "rows out: --on-bad-rows skip",
        page=_WHICH_ENCODING[0],
        zh=("{path} 文件第 {line:,} 行，该行第 {byte:,} 个字节：不是 {encoding}", _WHICH_ENCODING[1]),
    ),
    "bytes-of-another-encoding": Entry(
        "{path}, line {line:,}, byte {byte:,} of the line: not {encoding}",
        "say which encoding it has, as in --encoding {guess}, which it looks like; or leave such rows out: "
        "--on-bad-rows skip",
        page="it looks like {guess}: " + _WHICH_ENCODING[0],
        zh=(
            "{path} 文件第 {line:,} 行，该行第 {byte:,} 个字节：不是 {encoding}",
            "看起来像 {guess}：" + _WHICH_ENCODING[1],
        ),
    ),
    "text-not-of-encoding": Entry(
        "{path} is not {encoding}: {told}",
        "say which it is: --encoding cp1252",
        page="choose the encoding that it has",
        zh=("{path} 不是 {encoding}：{told}", "请选择它的编码"),
    ),
    "text-encoding-unknown": Entry(
        "{path} is not UTF-8, and it cannot be told which encoding it is",
        "say which it is, as in --encoding cp1252",
        page="choose the encoding that it has",
        zh=("{path} 不是 UTF-8，也无法判断是哪种编码", "请选择它的编码"),
    ),
    "folder-without-texts": Entry(
        "{path} is a folder without .txt files",
        "name a table, or another folder",
        page="choose a table, or another folder",
        zh=("文件夹 {path} 中没有 .txt 文件", "请选择数据表，或另一个文件夹"),
    ),
    "folder-headers-differ": Entry(
        "{path} has other columns than {first}: {columns!r} instead of {expected!r}",
        "the tables of a folder must have the same columns in the same order",
        zh=(
            "{path} 的列与 {first} 不同：是 {columns!r}，而不是 {expected!r}",
            "文件夹中的各个数据表必须有相同的列，顺序也相同",
        ),
    ),
    "folder-types-differ": Entry(
        "{path}: column {column!r} is {found}, and {wanted} in {first}",
        "the tables of a folder must have the same types: write it again with the type of the others",
        zh=(
            "{path}：{column!r} 列是 {found}，而在 {first} 中是 {wanted}",
            "文件夹中的各个数据表必须有相同的类型",
        ),
    ),
}

_CSV: dict[str, Entry] = {
    "delimiter-not-one-character": Entry(
        "a delimiter is one character",
        "for example: --delimiter ';' or --delimiter tab",
        page="choose one of the list",
        page_message="a separator is one character",
        zh=("分隔符只能是一个字符", "请从列表中选择"),
    ),
    "line-blank": Entry(
        "{path}, line {line:,}: the line is empty, in the middle of the table",
        "mend the line; nothing was read past it; {way}",
        page="mend the line, or choose what to do with broken rows; nothing was read past it; {way}",
        zh=(
            "{path} 文件第 {line:,} 行：数据表中间有一个空行",
            "请修正这一行，或选择如何处理损坏的行；它之后的内容都没有读取；{way}",
        ),
    ),
    "line-ragged": Entry(
        "{path}, line {line:,}: {cells:,} cells, but the header has {width:,} (the row begins with {begin!r})",
        "a cell that holds the delimiter or a line break must stand in double quotes; the delimiter was taken to "
        "be {delimiter!r} (--delimiter); {way}",
        page="a cell that holds the separator or a line break must stand in double quotes; the separator was "
        "taken to be {delimiter!r}. Choose another separator, or what to do with broken rows; {way}",
        zh=(
            "{path} 文件第 {line:,} 行：有 {cells:,} 个单元格，而表头有 {width:,} 个（该行以“{begin}”开头）",
            "含有分隔符或换行的单元格必须放在双引号中；当前使用的分隔符是 {delimiter!r}。"
            "请选择其他分隔符，或选择如何处理损坏的行；{way}",
        ),
    ),
    "way-of-reading": Entry(
        "{option} {value} reads the next {lines:,} {lines:line|lines} whole",
        page_message="with {chosen} the next {lines:,} {lines:line is|lines are} whole",
        zh=("改用{chosen}时，接下来的 {lines:,} 行都完整", ""),
    ),
    "way-delimiter": Entry("{mark} between the cells", zh=("“{mark}”分隔单元格", "")),
    "way-tab": Entry("a tab between the cells", zh=("制表符分隔单元格", "")),
    "way-quote": Entry("{mark} around the cells", zh=("“{mark}”作为引号", "")),
    "way-no-quote": Entry("no quotes around the cells", zh=("“无引号”", "")),
    "way-escape": Entry("{mark} before a quote in a cell", zh=("“{mark}”作为引号前的转义符", "")),
    "way-of-lines": Entry(
        "where each line is a text of its own: --program lines; otherwise {otherwise}",
        page_message="where each line is a text of its own, choose “a text, each line a row” as the program that wrote it; "
        "otherwise {otherwise}",
        zh=(
            "如果每行是一条独立的文本，请在“由哪个程序导出”中选择“文本文件，每行一条记录”；否则：{otherwise}",
            "",
        ),
    ),
    "way-of-bad-rows": Entry(
        "of the next {records:,} {records:row|rows} {broken:,} {broken:is|are} broken: --on-bad-rows keep reads them as "
        "far as they can be understood, skip leaves them out",
        page_message="of the next {records:,} {records:row|rows} {broken:,} {broken:is|are} broken: they can be kept as "
        "far as they can be understood, or left out",
        zh=("接下来的 {records:,} 行中有 {broken:,} 行损坏：可以尽量保留，也可以去掉", ""),
    ),
    "note-below-table": Entry(
        "{path}, line {line:,}: the table ends here, and below it {count:,} {count:line|lines} of one cell "
        "{count:stands|stand}, as a note does ({begin!r})",
        "--on-bad-rows skip leaves such lines out, and keep makes rows of them",
        page="choose to leave broken rows out, or to keep them as rows",
        zh=(
            "{path} 文件第 {line:,} 行：数据表到此结束，下面还有 {count:,} 行只有一个单元格，像是附注（“{begin}”）",
            "请选择去掉损坏的行，或把它们保留为数据行",
        ),
    ),
    "delimiter-before-quote-missing": Entry(
        "{path}, line {line:,}: a quoted cell begins in the middle of another one, so that its text is cut at "
        "{delimiter!r}; is a delimiter missing before the quote?",
        "mend the line; or --on-bad-rows keep reads such rows as they stand, and skip leaves them out",
        page="mend the line, or choose what to do with broken rows",
        zh=(
            "{path} 文件第 {line:,} 行：带引号的单元格从另一个单元格中间开始，其文字会在 {delimiter!r} 处被切开；"
            "引号前是否缺少分隔符？",
            "请修正这一行，或选择如何处理损坏的行",
        ),
    ),
    "header-line-empty": Entry(
        "{path}, line {line:,}: the header was said to be here, and there is nothing",
        "lines count from 1, those that are left out by --skip-rows not counted; leave --header out to have it found",
        page="choose another line, or let it be found out",
        zh=("{path} 文件第 {line:,} 行：指定的表头行没有内容", "请选择其他行，或自动识别"),
    ),
    "line-has-nul": Entry(
        "{path}, line {line:,}: it holds a NUL byte",
        "is it a text file, and is the encoding right (--encoding)?",
        page="is it a text file, and is the encoding right? Otherwise choose what to do with broken rows",
        zh=(
            "{path} 文件第 {line:,} 行：含有 NUL 字节",
            "这是文本文件吗？编码选对了吗？否则请选择如何处理损坏的行",
        ),
    ),
    "quote-not-closed": Entry(
        "{path}, line {line:,}: a quote is opened here and never closed",
        _QUOTES[0] + "; {way}",
        zh=("{path} 文件第 {line:,} 行：这里的引号没有闭合", _QUOTES[1] + "；{way}"),
    ),
    "cell-too-long": Entry(
        "{path}, line {line:,}: a cell of more than {most:,} characters begins here; is its quote never closed?",
        _QUOTES[0] + "; " + _MORE_CELL[0],
        zh=(
            "{path} 文件第 {line:,} 行：这里开始的单元格超过 {most:,} 个字符；引号是不是没有闭合？",
            _QUOTES[1] + "；" + _MORE_CELL[1],
        ),
    ),
    "row-too-long": Entry(
        "{path}, line {line:,}: a row of more than {most:,} characters begins here",
        "is it a table of text? A row may be as long as four of the longest cells; " + _MORE_CELL[0],
        zh=(
            "{path} 文件第 {line:,} 行：这里开始的行超过 {most:,} 个字符",
            "这是文本数据表吗？一行最多相当于四个最长的单元格；" + _MORE_CELL[1],
        ),
    ),
    "text-after-quote": Entry(
        "{path}, line {line:,}: text after a closing quote, where {delimiter!r} or the end of the line should be",
        _QUOTES[0] + "; {way}",
        zh=(
            "{path} 文件第 {line:,} 行：右引号之后还有文字，那里应当是 {delimiter!r} 或行尾",
            _QUOTES[1] + "；{way}",
        ),
    ),
    "csv-line-broken": Entry(
        "{path}, line {line:,}: {told}",
        _QUOTES[0],
        zh=("{path} 文件第 {line:,} 行：{told}", _QUOTES[1]),
    ),
    "not-csv": Entry(
        "{path} is not a CSV file: it is {found} data",
        "give it the name that belongs to such a file, or save it as CSV; where it is in another file, unpack that",
        zh=(
            "{path} 不是 CSV 文件，而是 {found} 数据",
            "请使用这类文件应有的文件名，或另存为 CSV；如果它在压缩包里，请先解压",
        ),
    ),
    "archive-with-files": Entry(
        "{path} is an archive ({found}) with files in it: {members!r}",
        "unpack it, and give the file that is the table; a zip file with one CSV file is read as it is",
        zh=(
            "{path} 是归档文件（{found}），其中有：“{members:”、“}”",
            "请解压，并选择其中作为数据表的文件；只含一个 CSV 文件的 zip 可以直接读取",
        ),
    ),
    "archive-closed": Entry(
        "{path} is an archive ({found}), which is not looked into",
        "unpack it, and give the file that is the table; a zip file with one CSV file is read as it is",
        zh=(
            "{path} 是归档文件（{found}），无法查看其内容",
            "请解压，并选择其中作为数据表的文件；只含一个 CSV 文件的 zip 可以直接读取",
        ),
    ),
    "zip-without-csv": Entry(
        "{path} is a zip file with {members!r} in it, and of these only CSV files are read where they are",
        "unpack it, and give the file that is the table",
        zh=(
            "{path} 是 zip 文件，其中有“{members:”、“}”；zip 中只能直接读取 CSV 文件",
            "请解压，并选择其中作为数据表的文件",
        ),
    ),
    "packed-workbook": Entry(
        "{path} is a workbook that is packed",
        "unpack it, and give the workbook; only text files are read packed",
        zh=("{path} 是压缩过的工作簿", "请解压，并选择工作簿；只有文本文件可以在压缩状态下读取"),
    ),
    "not-csv-but-database": Entry(
        "{path} is no table: it is a database ({found}), which may have several",
        "write the one that you want as CSV, as DB Browser for SQLite does under File > Export",
        zh=(
            "{path} 不是数据表，而是数据库（{found}），其中可能有多个表",
            "请把需要的表导出为 CSV，例如用 SQLite 的图形工具",
        ),
    ),
    "not-csv-but-document": Entry(
        "{path} is no table: it is a document ({found})",
        "save it as .docx or .txt: a document is a row, and a folder of documents a table with a row each",
        zh=(
            "{path} 不是数据表，而是文档（{found}）",
            "请另存为 .docx 或 .txt：一个文档就是一行，文件夹中的每个文档各为一行",
        ),
    ),
    "not-csv-but-picture": Entry(
        "{path} is no table: it is a picture ({found})",
        "make a table with the names of the pictures in a column: --image says which, --image-folder where they are",
        page="make a table with the names of the pictures in a column",
        zh=("{path} 不是数据表，而是图片（{found}）", "请制作一个数据表，其中一列是图片的文件名"),
    ),
    "not-csv-but-recording": Entry(
        "{path} is no table: it is a recording ({found})",
        "have it written down first; the transcript may be .docx, .txt, .vtt or .srt",
        zh=(
            "{path} 不是数据表，而是录音或录像（{found}）",
            "请先转写成文字；转写稿可以是 .docx、.txt、.vtt 或 .srt",
        ),
    ),
    "not-csv-but-zip": Entry(
        "{path} is not a CSV file: it is zip or Excel data",
        "unpack it, or save the sheet as CSV (UTF-8)",
        zh=("{path} 不是 CSV 文件，而是 zip 或 Excel 数据", "请解压，或把工作表另存为 CSV（UTF-8）"),
    ),
    "not-csv-but-page": Entry(
        "{path} is no table: it is a web page",
        "a server may have sent it instead of the file: fetch the file again, logged in where that is needed",
        zh=("{path} 不是数据表，而是网页", "可能是服务器没有返回文件：请重新下载，必要时先登录"),
    ),
    "not-csv-but-page-titled": Entry(
        "{path} is no table: it is a web page, called {title!r}",
        "a server may have sent it instead of the file: fetch the file again, logged in where that is needed",
        zh=(
            "{path} 不是数据表，而是标题为“{title}”的网页",
            "可能是服务器没有返回文件：请重新下载，必要时先登录",
        ),
    ),
    "not-csv-but-xml": Entry(
        "{path} is no table: it is XML",
        "export it as CSV, Excel or JSON; a server's message about an error may look so, too",
        zh=("{path} 不是数据表，而是 XML", "请导出为 CSV、Excel 或 JSON；也可能是服务器的错误消息"),
    ),
    "not-csv-but-drawn": Entry(
        "{path} is no CSV file: it is a table drawn with lines, as a terminal or Markdown shows it",
        "save the table as CSV in the program that drew it",
        zh=(
            "{path} 不是 CSV 文件，而是用线条画出的表格（如终端或 Markdown 所示）",
            "请在生成它的程序中另存为 CSV",
        ),
    ),
    "not-csv-but-json": Entry(
        "{path} is no CSV file: it is JSON",
        "if it is a table, give it a name that ends in .json, or in .jsonl where each line is an object; a server's "
        "message about an error may look so, too",
        zh=(
            "{path} 不是 CSV 文件，而是 JSON",
            "如果是数据表，请把文件名改为以 .json 结尾（每行一个对象时用 .jsonl）；也可能是服务器的错误消息",
        ),
    ),
    "zip-several": Entry(
        "{path} is a zip file of {count:,} files: {members!r}",
        "say which: --sheet NAME; or unpack it",
        page="choose one of them, or unpack it",
        zh=("{path} 是含有 {count:,} 个文件的 zip：“{members:”、“}”", "请选择其中一个，或先解压"),
    ),
    "document-too-large": Entry(
        "{path} has more than {most:,} bytes",
        "unpack it, and leave it out or cut it",
        zh=("{path} 超过 {most:,} 字节", "请先解压，去掉或拆分它"),
    ),
    "zip-empty": Entry(
        "{path} is a zip file without files",
        _RIGHT_FILE[0],
        zh=("{path} 是没有文件的 zip", _RIGHT_FILE[1]),
    ),
    "zip-has-password": Entry(
        "{path} is a zip file, and {member!r} in it has a password",
        "unpack it",
        zh=("{path} 是 zip 文件，其中的“{member}”有密码", "请先解压"),
    ),
    "no-such-member": Entry(
        "{path} is a zip file without {member!r}",
        "its files are: {members!r}",
        zh=("{path} 是 zip 文件，其中没有“{member}”", "其中的文件有：“{members:”、“}”"),
    ),
    "note-zip-member": Entry(
        "it is a zip file: {member!r} in it is read",
        zh=("这是 zip 文件：读取其中的“{member}”", ""),
    ),
    "note-lines-above": Entry(
        "{above:,} {above:line|lines} above the header {above:is|are} left out: line {line:,} has the names of the "
        "columns (--header says another one)",
        page_message="{above:,} {above:line|lines} above the header {above:is|are} left out: line {line:,} has the names "
        "of the columns",
        zh=("略去表头之上的 {above:,} 行：第 {line:,} 行是列名", ""),
    ),
    "note-header-lines": Entry(
        "lines {first:,} to {last:,} are the header: what stands in them is joined to the names of the columns (--header "
        "says another one)",
        page_message="lines {first:,} to {last:,} are the header: what stands in them is joined to the names of the "
        "columns",
        zh=("第 {first:,} 至 {last:,} 行是表头：其内容合成列名", ""),
    ),
    "note-no-header": Entry(
        "there is no header: line {line:,} is the first row, and the columns are called column_1 and so on (--header "
        "{line} makes it the header)",
        page_message="there is no header: line {line:,} is the first row, and the columns are called column_1 and so on",
        zh=("没有表头：第 {line:,} 行是第一行数据，各列命名为 column_1 等", ""),
    ),
    "note-trailing-delimiter": Entry(
        "each row ends with {delimiter!r}: the empty cell after it is no column",
        zh=("每行都以 {delimiter!r} 结尾：其后的空单元格不算一列", ""),
    ),
    "note-header-longer": Entry(
        "the line of the names ends with {delimiter!r} and no row does: there is no column after it",
        zh=("表头行以 {delimiter!r} 结尾而各行数据没有：其后不算一列", ""),
    ),
    "note-row-numbers": Entry(
        "each row begins with its number, which has no name above it, as R writes tables: it is a column without a name",
        zh=("每行以行号开头，而表头中没有它的名称（R 的写法）：它成为没有名称的一列", ""),
    ),
    "note-long-name": Entry(
        "the first line, {name!r}, is taken for the name of the column; if it is a text: --no-header",
        page_message="the first line, {name!r}, is taken for the name of the column; it may be a text as well",
        zh=("第一行 {name!r} 被当作列名；它也可能是一条文本", ""),
    ),
    "note-json-texts": Entry(
        "the rows are texts without fields: they are the column {column!r}",
        zh=("各行是没有字段的文本：它们是列 {column!r}", ""),
    ),
    "note-quote": Entry(
        "cells stand in {quote} (--quote)",
        page_message="cells stand in {quote}",
        zh=("单元格放在 {quote} 中", ""),
    ),
    "note-escape": Entry(
        "a quote in a cell has {escape} before it (--escape)",
        page_message="a quote in a cell has {escape} before it",
        zh=("单元格内的引号前有 {escape}", ""),
    ),
    "note-blanks-before-quotes": Entry(
        "blanks after the delimiter are no part of the cells, since they stand before quotes (--quote '\"' keeps them)",
        page_message="blanks after the separator are no part of the cells, since they stand before quotes",
        zh=("分隔符之后的空格不算单元格内容，因为它们在引号之前", ""),
    ),
    "note-header-quote": Entry(
        "line {line:,}, the header: a quote is opened and never closed; it is taken as text",
        zh=("第 {line:,} 行（表头）：引号没有闭合，当作文字", ""),
    ),
    "not-csv-but-office": Entry(
        "{path} is not a CSV file: it is Excel or Word 97 data",
        "unpack it, or save the sheet as CSV (UTF-8)",
        zh=("{path} 不是 CSV 文件，而是 Excel 97 或 Word 97 数据", "请解压，或把工作表另存为 CSV（UTF-8）"),
    ),
}

_JSON: dict[str, Entry] = {
    "json-keeps-no-rows": Entry(
        "{path} is JSON: a line of it that is broken has no cells to keep",
        "give --on-bad-rows skip",
        page="choose to leave broken rows out",
        zh=("{path} 是 JSON：损坏的行没有可以保留的单元格", "请选择去掉损坏的行"),
    ),
    "json-no-table": Entry(
        "{path} is JSON that is no table",
        "a table is a list of objects, one object a line, or an object whose fields are columns",
        zh=(
            "{path} 是 JSON，但不是数据表",
            "数据表应当是对象的列表、每行一个对象，或各字段为列的一个对象",
        ),
    ),
    "json-not-utf8": Entry(
        "{path}, line {line:,}: a character is not written in UTF-8, which JSON has by rule",
        "say what it is written in, as in --encoding cp1252",
        page="say what it is written in: Windows (Western) mostly",
        zh=(
            "{path} 第 {line:,} 行：有字符不是 UTF-8 编码，而 JSON 规定使用 UTF-8",
            "请指明文件的编码，常见的是 GB18030",
        ),
    ),
    "json-line-broken": Entry(
        "{path}, line {line:,}: {told}",
        "each line is one JSON object; leave broken ones out with --on-bad-rows skip",
        page="each line is one JSON object; you can choose to leave broken rows out",
        zh=("{path} 文件第 {line:,} 行：{told}", "每行应当是一个 JSON 对象；可以选择去掉损坏的行"),
    ),
    "json-line-no-object": Entry(
        "{path}, line {line:,}: it is JSON, but no object",
        "each line is one JSON object; leave broken ones out with --on-bad-rows skip",
        page="each line is one JSON object; you can choose to leave broken rows out",
        zh=(
            "{path} 文件第 {line:,} 行：是 JSON，但不是对象",
            "每行应当是一个 JSON 对象；可以选择去掉损坏的行",
        ),
    ),
    "json-row-field-twice": Entry(
        "{path}, line {line:,}: the field {field!r} stands twice in an object",
        "reading it would lose one of the two; leave such rows out with --on-bad-rows skip, or write the file anew",
        page="reading it would lose one of the two; you can choose to leave such rows out",
        zh=(
            "{path} 文件第 {line:,} 行：字段“{field}”在一个对象中出现了两次",
            "读取会丢失其中一个；可以选择去掉这样的行",
        ),
    ),
    "json-entry-broken": Entry(
        "{path}, line {line:,}: {told}",
        "is the file cut off?",
        zh=("{path} 文件第 {line:,} 行：{told}", "文件是不是不完整？"),
    ),
    "json-lists-uneven": Entry(
        "{path}, line {line:,}: the list has {count:,} {count:entry|entries}, and the first one {width:,}",
        "in a list of lists each one is a row, and has all cells",
        zh=(
            "{path} 文件第 {line:,} 行：这个列表有 {count:,} 项，而第一个列表有 {width:,} 项",
            "在由列表组成的列表中，每个列表是一行，必须包含所有单元格",
        ),
    ),
    "json-lists-unnamed": Entry(
        "{path} is a list of lists, and the first one holds no names of columns",
        "say that there is no header: --no-header",
        page="let the header be found out",
        zh=("{path} 是由列表组成的列表，但第一个列表不是列名", "请让程序自动识别表头"),
    ),
    "json-which-rows": Entry(
        "{path} holds several lists that could be the rows: {places:, }",
        "say which, as in --rows {first}",
        page="choose one of them",
        zh=("{path} 中有多个列表可能是数据行：{places:、}", "请选择其中一个"),
    ),
    "json-rows-not-there": Entry(
        "{path} has no rows at {rows!r}",
        "--rows takes names with dots between them, as in data.items",
        page="let the rows be found out",
        zh=("{path} 的“{rows}”处没有数据行", "请让程序自动识别数据行"),
    ),
    "rows-no-place": Entry(
        "--rows {rows} is no place in a document",
        "it takes names with dots between them, as in data.items; a number is an entry of a list, * all of an object",
        page="let the rows be found out",
        page_message="{rows} is no place in a document",
        zh=("“{rows}”不是文档中的位置", "请让程序自动识别数据行"),
    ),
    "note-json-rows": Entry(
        "{path} is one JSON document; its rows are the {count:,} {count:entry|entries} of {rows!r}",
        zh=("{path} 是一个 JSON 文档；数据行是“{rows}”的 {count:,} 项", ""),
    ),
    "note-json-by-key": Entry(
        "{path} is an object of {count:,} {count:record|records} by key; the keys are the column {column!r}. If its "
        "fields are columns, say --rows .",
        page_message="{path} is an object of {count:,} {count:record|records} by key; the keys are the column "
        "{column!r}",
        zh=("{path} 是按键存放 {count:,} 条记录的对象；键是“{column}”列", ""),
    ),
    "note-json-columns": Entry(
        "{path} is an object of columns; the keys of its rows are the column {column!r}. If its fields are records, "
        "say --rows '*'",
        page_message="{path} is an object of columns; the keys of its rows are the column {column!r}",
        zh=("{path} 是由列组成的对象；各行的键是“{column}”列", ""),
    ),
    "note-json-halves": Entry(
        "in {path} {count:,} {count:character is|characters are} cut in half (part of an emoji, mostly): each is read as \ufffd",
        zh=("{path} 中有 {count:,} 个字符被截断（多为表情符号的一半）：读作 \ufffd", ""),
    ),
    "archive-broken": Entry(
        "{path} is broken: {told}",
        "fetch it again; --program plain reads the file as it stands",
        page="fetch it again",
        zh=("{path} 已损坏：{told}", "请重新获取"),
    ),
    "archive-in-html": Entry(
        "{path} is a download of Facebook or Instagram in HTML, which is made to be looked at",
        "ask for it again, and choose JSON as its format",
        zh=("{path} 是 Facebook 或 Instagram 的 HTML 下载，只供浏览", "请重新申请下载，并选择 JSON 格式"),
    ),
    "note-x-archive": Entry(
        "{path} is an archive of X (Twitter) with {rows:,} {rows:row|rows}; the column 'text' is what people see: &amp; is &",
        zh=("{path} 是 X（Twitter）的存档，共 {rows:,} 行；“text”列是人们看到的文字：&amp; 即 &", ""),
    ),
    "note-x-cut": Entry(
        "in {path} {cut:,} {cut:text ends|texts end} with …, where X cut {cut:it|them}: retweets, and long posts where the "
        "archive is not opened as a whole, as a zip file or folder",
        zh=(
            "{path} 中有 {cut:,} 条文字以“…”结尾，是被 X 截断的：转推，以及未将整个存档（zip 文件或文件夹）打开时的长推文",
            "",
        ),
    ),
    "note-tweets": Entry(
        "{path} holds {rows:,} {rows:tweet|tweets} as X (Twitter) gave them; the column 'text' is what people see: "
        "retweets are whole, &amp; is &",
        zh=(
            "{path} 有 {rows:,} 条来自 X（Twitter）接口的推文；“text”列是人们看到的文字：转推完整，&amp; 即 &",
            "",
        ),
    ),
    "note-messages": Entry(
        "{path} is an export of {program} with {rows:,} {rows:message|messages}",
        zh=("{path} 是 {program} 的导出文件，共 {rows:,} 条消息", ""),
    ),
    "note-day-first": Entry(
        "in {path} no date tells whether the day or the month comes first: the day is taken; the column 'stamp' has "
        "them as they stand",
        zh=("{path} 中没有日期能说明日和月哪个在前：按日在前读取；“stamp”列是原样", ""),
    ),
    "note-stamps-unread": Entry(
        "in {path} the {stamps:stamp|stamps} of {stamps:,} {stamps:message|messages} cannot be read as a time: the column "
        "'time' is empty there, and 'stamp' has them as they stand",
        zh=("{path} 中有 {stamps:,} 条消息的时间无法识别：“time”列为空，“stamp”列保留原样", ""),
    ),
    "note-meta": Entry(
        "{path} is a download of Facebook or Instagram with {rows:,} {rows:row|rows}; its texts were repaired: they were "
        "written as other characters",
        zh=("{path} 是 Facebook 或 Instagram 的下载，共 {rows:,} 行；其中写坏的文字已修复", ""),
    ),
    "note-meta-others": Entry(
        "only the messages of {path} are read; posts and comments lie in {count:,} {count:file|files} of it, each a table "
        "of its own once it is unpacked: {files:, }",
        zh=("{path} 中只读取了消息；帖子和评论在另外 {count:,} 个文件中，解压后各为一个表：{files:、}", ""),
    ),
    "note-reddit": Entry(
        "{path} is a dump of Reddit with {rows:,} {rows:row|rows}; the column 'text' is the comment, or title and text",
        zh=("{path} 是 Reddit 的数据，共 {rows:,} 行；“text”列是评论，或标题加正文", ""),
    ),
    "note-youtube-takeout": Entry(
        "{path} has comments of YouTube; the column {column!r} is what they say",
        zh=("{path} 有 YouTube 评论；“{column}”列是评论的文字", ""),
    ),
    "note-json-kept": Entry(
        "in {path} these objects have too many different fields to be columns, and stay JSON: {columns:, }",
        zh=("{path} 中这些对象的字段过多，不能成为列，保留为 JSON：{columns:、}", ""),
    ),
    "json-too-large": Entry(
        "{path} is an object of columns of more than {most:,} bytes",
        "save it with one object a line (JSONL): that is read piece by piece",
        zh=(
            "{path} 是一个超过 {most:,} 字节、由列组成的 JSON 对象",
            "请存为每行一个对象的格式（JSONL），这样可以逐段读取",
        ),
    ),
    "json-without-fields": Entry(
        "{path} holds no objects with fields",
        _RIGHT_FILE[0],
        zh=("{path} 中没有带字段的对象", _RIGHT_FILE[1]),
    ),
    "json-columns-uneven": Entry(
        "{path} is an object of columns, but they are not of one length",
        "is it a table?",
        zh=("{path} 是由列组成的对象，但各列长度不同", "这是数据表吗？"),
    ),
}

_PROGRAMS: dict[str, Entry] = {
    "workbook-unreadable": Entry(
        "{path} cannot be read as an Excel workbook: {told}",
        "open it in Excel and save it anew; a workbook with a password must be saved without one",
        zh=(
            "无法把 {path} 读作 Excel 工作簿：{told}",
            "请用 Excel 打开并重新保存；有密码的工作簿须去掉密码后保存",
        ),
    ),
    "workbook-empty": Entry(
        "{path} has nothing in it",
        "is it the right sheet? --sheet NAME",
        page="is it the right sheet? Choose another one",
        zh=("{path} 中没有内容", "工作表选对了吗？请选择另一个"),
    ),
    "no-such-sheet": Entry(
        "{path} has no sheet {sheet!r}",
        "its sheets are: {sheets!r}",
        zh=("{path} 没有工作表“{sheet}”", "它的工作表有：“{sheets:”、“}”"),
    ),
    "no-workbook": Entry(
        "{path} has the name of a workbook and is none",
        "is it a page of the web, or a CSV file? Give it the name that it should have",
        zh=("{path} 的名称像工作簿，但不是工作簿", "它是网页还是 CSV 文件？请改成应有的名称"),
    ),
    "feather-too-old": Entry(
        "{path} is a Feather file of the first version, which is out of use",
        "save it as Parquet, or as Feather version 2",
        zh=("{path} 是第一版的 Feather 文件，这个版本已停用", "请存为 Parquet 或第二版 Feather"),
    ),
    "r-text-of-other-encoding": Entry(
        "{path} holds a text that is not {encoding}, and R did not mark which encoding it has",
        "say which it is, as in --encoding cp1252 (Windows), latin-1, gb18030 (Chinese)",
        page="choose the encoding that it has",
        zh=("{path} 中有文本不是 {encoding}，R 也没有标明它的编码", "请选择它的编码"),
    ),
    "note-index-of-pandas": Entry(
        "{columns!r} is what pandas had as the names or numbers of rows",
        zh=("“{columns:”、“}”是 pandas 中的行名或行号", ""),
    ),
    "note-r-objects": Entry(
        "the data frame {frame!r} is read; beside it the file holds {others!r}",
        zh=("读取的是数据框“{frame}”；文件中还有：“{others:”、“}”", ""),
    ),
    "note-r-columns-left-out": Entry(
        "left out, since they hold no values that a table can have (functions, objects of a package): {columns!r}",
        zh=("已略去以下列，因为其中没有表格能容纳的值（函数、某个包的对象）：“{columns:”、“}”", ""),
    ),
    "note-r-no-zone": Entry(
        "R kept no time zone for these moments, so they are shown in UTC, and say so: {columns!r}",
        zh=("R 没有为以下列的时刻保存时区，因此按 UTC 显示并标明：“{columns:”、“}”", ""),
    ),
    "note-r-unit": Entry(
        "the numbers of {column!r} are {unit}",
        zh=("“{column}”列的数字以 {unit} 为单位", ""),
    ),
    "note-r-class": Entry(
        "{column!r} is of the class {class_name} of R, whose plain values are read: R may show them otherwise",
        zh=("“{column}”列属于 R 的类 {class_name}，读取的是其原始值；R 中的显示可能不同", ""),
    ),
    "r-unreadable": Entry(
        "{path} holds nothing that can be read as a data frame: {told}",
        _FROM_R[0],
        zh=("{path} 中没有可以读作数据框的内容：{told}", _FROM_R[1]),
    ),
    "r-without-frame": Entry(
        "{path} holds no data frame",
        _FROM_R[0],
        zh=("{path} 中没有数据框", _FROM_R[1]),
    ),
    "r-several-frames": Entry(
        "{path} holds {count} data frames: {frames!r}",
        "say which: --sheet NAME",
        page="in R, save the one you want by itself, with saveRDS",
        zh=("{path} 中有 {count} 个数据框：“{frames:”、“}”", "请在 R 中用 saveRDS 单独保存需要的那一个"),
    ),
    "r-no-such-frame": Entry(
        "{path} holds no data frame {wanted!r}",
        "it holds: {frames!r}",
        zh=("{path} 中没有数据框“{wanted}”", "其中有：“{frames:”、“}”"),
    ),
    "statistics-unreadable": Entry(
        "{path} cannot be read as a {suffix} file: {told}",
        "save it anew in the program that wrote it; is it of a very new version, or damaged?",
        zh=(
            "无法把 {path} 读作 {suffix} 文件：{told}",
            "请在写出它的程序中重新保存；它是不是版本太新，或已损坏？",
        ),
    ),
}

_WRITTEN: dict[str, Entry] = {
    "format-unknown": Entry(
        "{path} does not say in which format it shall be written",
        "let it end in one of {endings}",
        zh=("从 {path} 看不出要写成哪种格式", "名称请以其中之一结尾：{endings:、}"),
    ),
    "no-such-format": Entry(
        "no table is written as {format!r}",
        zh=("数据表不能写成“{format}”格式", ""),
    ),
    "mark-is-for-csv": Entry(
        "a byte order mark is for CSV files, and marked formulas are for CSV and TSV files",
        "for Excel, .xlsx is the better choice: it needs neither",
        zh=(
            "字节顺序标记只用于 CSV 文件，公式标记只用于 CSV 和 TSV 文件",
            "用于 Excel 时最好选 .xlsx，两者都不需要",
        ),
    ),
    "excel-too-many-rows": Entry(
        "the table has more rows than a sheet of Excel holds ({most:,})",
        "write it as .csv or .parquet: give the output such a name",
        page="choose CSV or Parquet as the format",
        zh=("数据表的行数超过一个 Excel 工作表的容量（{most:,}）", "请选择 CSV 或 Parquet 格式"),
    ),
    "stata-too-many-columns": Entry(
        "{path}: Stata keeps {most:,} variables, and there are {columns:,}",
        "write a .csv or .parquet file",
        zh=("{path}：Stata 最多 {most:,} 个变量，而这里有 {columns:,} 列", "请写成 .csv 或 .parquet 文件"),
    ),
    "excel-too-many-columns": Entry(
        "the table has {columns:,} columns, and a sheet of Excel holds {most:,}",
        "write it as .csv or .parquet: give the output such a name",
        page="choose CSV or Parquet as the format",
        zh=("数据表有 {columns:,} 列，而一个 Excel 工作表最多容纳 {most:,} 列", "请选择 CSV 或 Parquet 格式"),
    ),
    "excel-text-too-long": Entry(
        "the table has a text of {chars:,} characters in row {row:,}, column {column!r}, and a cell of Excel "
        "holds {most:,}",
        "write it as .csv or .parquet: give the output such a name",
        page="choose CSV or Parquet as the format",
        zh=(
            "第 {row:,} 行的“{column}”列有 {chars:,} 个字符，而 Excel 的单元格最多容纳 {most:,} 个",
            "请选择 CSV 或 Parquet 格式",
        ),
    ),
    "statistics-unwritable": Entry(
        "{path} cannot be written: {told}",
        "is there room on the disk? Otherwise write the table as .csv or .parquet",
        page="is there room on the disk? Otherwise choose CSV or Parquet as the format",
        zh=("无法写入 {path}：{told}", "磁盘还有空间吗？如果有，请选择 CSV 或 Parquet 格式"),
    ),
    "spss-text-too-long": Entry(
        "row {row:,}, column {column!r}: a text of {size_bytes:,} bytes, and SPSS holds {most:,}",
        "write the table as .dta (Stata), .csv or .parquet",
        page="choose Stata, CSV or Parquet as the format",
        zh=(
            "第 {row:,} 行的“{column}”列：文本有 {size_bytes:,} 字节，而 SPSS 最多容纳 {most:,} 字节",
            "请选择 Stata、CSV 或 Parquet 格式",
        ),
    ),
    "spss-labels-alike": Entry(
        "the column {column!r} has labels that begin alike ({label!r} …), and SPSS keeps {most} bytes of each",
        "shorten them, or write the table as .dta (Stata), .csv or .parquet",
        page="shorten them, or choose Stata, CSV or Parquet as the format",
        zh=(
            "“{column}”列有开头相同的标签（“{label}”……），而 SPSS 只保留每个标签的前 {most} 字节",
            "请缩短标签，或选择 Stata、CSV 或 Parquet 格式",
        ),
    ),
    "value-labels-on-dates": Entry(
        "the column {column!r} has value labels on dates, which another program counts otherwise",
        "write the table as .csv or .parquet: give the output such a name",
        page="choose CSV or Parquet as the format",
        zh=("“{column}”列的日期带有值标签，而另一个程序对日期的计数不同", "请选择 CSV 或 Parquet 格式"),
    ),
    "value-label-not-on-whole": Entry(
        "the column {column!r} has the label {label!r} on {value}, and Stata has labels on whole numbers only",
        "write the table as .csv or .parquet: give the output such a name",
        page="choose CSV or Parquet as the format",
        zh=(
            "“{column}”列在 {value} 上有标签 {label!r}，而 Stata 的标签只能用于整数",
            "请选择 CSV 或 Parquet 格式",
        ),
    ),
    "number-too-large-for-stata": Entry(
        "row {row:,}, column {column!r} has {number}, a number too large for Stata",
        "write the table as .csv or .parquet: give the output such a name",
        page="choose CSV or Parquet as the format",
        zh=("第 {row:,} 行的“{column}”列是 {number}，超出 Stata 能表示的范围", "请选择 CSV 或 Parquet 格式"),
    ),
    "number-of-no-calendar": Entry(
        "row {row:,}, column {column!r} has {number}, which is no day and no time in any calendar",
        "write the table as .csv, .xlsx or .jsonl, or for the program that it comes from: give the output such a name",
        page="choose CSV, Excel or JSONL as the format, or that of the program that the table comes from",
        zh=(
            "第 {row:,} 行的“{column}”列是 {number}，任何历法中都没有这样的日期或时间",
            "请选择 CSV、Excel 或 JSONL 格式，或表格来源程序的格式",
        ),
    ),
    "column-not-for-program": Entry(
        "the column {column!r} cannot be written for {program}: {told}",
        "write the table as .csv or .parquet: give the output such a name",
        page="choose CSV or Parquet as the format",
        zh=("“{column}”列无法写成 {program} 格式：{told}", "请选择 CSV 或 Parquet 格式"),
    ),
    "table-not-for-program": Entry(
        "the table cannot be written for {program}: {told}",
        "write the table as .csv or .parquet: give the output such a name",
        page="choose CSV or Parquet as the format",
        zh=("数据表无法写成 {program} 格式：{told}", "请选择 CSV 或 Parquet 格式"),
    ),
    "output-unwritable": Entry("{path} cannot be written: {told}", zh=("无法写入 {path}：{told}", "")),
    "output-without-memory": Entry(
        "{path} cannot be written: not enough memory", zh=("无法写入 {path}：内存不足", "")
    ),
    "table-saved-elsewhere": Entry(
        "nothing is lost: the labelled table is in {safe}; in another format: rowbatch export {run} -o NAME.parquet",
        page_message="nothing is lost: the labelled table is in {safe}; download it in another format",
        zh=("没有任何丢失：标注结果在 {safe}；请下载其他格式", ""),
    ),
    "statistics-text-has-nul": Entry(
        "row {row:,}, column {column!r}: a NUL character, which ends a text there",
        "write the table as .csv or .parquet",
        page="choose CSV or Parquet as the format",
        zh=(
            "第 {row:,} 行的“{column}”列：含有 NUL 字符，在那种格式里文本会在此中断",
            "请选择 CSV 或 Parquet 格式",
        ),
    ),
}

_IMAGES: dict[str, Entry] = {
    "image-folder-missing": Entry(
        "{path} is no folder",
        "say where the images lie: --image-folder DIR",
        page="choose the folder in which the images lie",
        zh=("{path} 不是文件夹", "请选择图像所在的文件夹"),
    ),
    "image-no-address": Entry(
        "{path}, row {row:,}, column {column!r}: {cell!r} is no address of an image on the web",
        "it begins with https://; where files on this computer lie is said by --image-folder DIR",
        page="it begins with https://",
        zh=("{path} 第 {row:,} 行的“{column}”列：“{cell}”不是网上图像的地址", "地址以 https:// 开头"),
    ),
    "image-outside": Entry(
        "{path}, row {row:,}, column {column!r}: {cell!r} is not inside the folder of the images",
        "the file must lie in {folder}",
        zh=("{path} 第 {row:,} 行的“{column}”列：“{cell}”不在图像文件夹内", "文件必须位于 {folder} 中"),
    ),
    "image-missing": Entry(
        "{path}, row {row:,}, column {column!r}: {cell!r} is no file in the folder of the images",
        "the file must lie in {folder}",
        zh=("{path} 第 {row:,} 行的“{column}”列：图像文件夹中没有“{cell}”", "文件必须位于 {folder} 中"),
    ),
    "image-no-name": Entry(
        "{path}, row {row:,}, column {column!r}: {cell!r} is no name of a file",
        "the file must lie in {folder}",
        zh=("{path} 第 {row:,} 行的“{column}”列：“{cell}”不是文件名", "文件必须位于 {folder} 中"),
    ),
    "image-too-large": Entry(
        "{path}, row {row:,}, column {column!r}: {cell!r} has more than {most:,} bytes",
        "make it smaller",
        zh=("{path} 第 {row:,} 行的“{column}”列：“{cell}”超过 {most:,} 字节", "请缩小图像"),
    ),
    "image-of-unknown-kind": Entry(
        "{path}, row {row:,}, column {column!r}: {cell!r} is no image",
        "PNG, JPEG, GIF and WebP are taken",
        zh=("{path} 第 {row:,} 行的“{column}”列：“{cell}”不是图像", "可以使用 PNG、JPEG、GIF 和 WebP"),
    ),
}

_VIEWS: dict[str, Entry] = {
    "no-view": Entry("{path} is no view of a table", zh=("{path} 不是数据表的视图", "")),
    "view-damaged": Entry("{path} is damaged, or was removed", zh=("{path} 已损坏，或已被删除", "")),
}

_UNITS: dict[str, Entry] = {
    "note-units-tokens": Entry(
        "tokens were counted exactly, by the encoding {encoding}",
        zh=("按编码 {encoding} 精确计算 token", ""),
    ),
    "note-units-tokens-estimated": Entry(
        "the tokens of this model can only be estimated: units are somewhat smaller, so that none has more than was said",
        zh=("该模型的 token 只能估算：单元会略小一些，以免超过指定的数量", ""),
    ),
    "note-units-missing": Entry(
        "{count:,} {count:document has|documents have} not all of {count:its|their} units; {count:it is in row|the first "
        "ones are in rows} {rows}",
        zh=("{count:,} 个文档的单元不全；最前面的在第 {rows:、} 行", ""),
    ),
    "note-units-twice": Entry(
        "{count:,} {count:document has|documents have} a unit more than once, of which the first counts; {count:it is in "
        "row|the first ones are in rows} {rows}",
        zh=("{count:,} 个文档有重复的单元，以第一个为准；最前面的在第 {rows:、} 行", ""),
    ),
    "note-units-changed": Entry(
        "{count:,} {count:text is|texts are} not what {count:its|their} units were cut from any more; {count:it is in "
        "row|the first ones are in rows} {rows}",
        zh=("{count:,} 个文本与切分时不同；最前面的在第 {rows:、} 行", ""),
    ),
    "note-units-unknown": Entry(
        "{count:,} {count:unit is|units are} of no row of the table, and left out: {documents}",
        zh=("{count:,} 个单元不属于数据表的任何一行，已略去：{documents:、}", ""),
    ),
    "note-units-median": Entry(
        "of columns of numbers the median was taken: {columns!r}",
        zh=("对数值取中位数：“{columns:”、“}”", ""),
    ),
    "note-units-tie": Entry(
        "{column!r}: {count:,} {count:document has|documents have} no most frequent value, and {count:is|are} left to a "
        "person: the values are in the column beside it",
        zh=("“{column}”：{count:,} 个文档没有出现最多的值，需要人工判断：候选值在旁边的列中", ""),
    ),
}

TABLES: dict[str, Entry] = _READ | _TEXT | _CSV | _JSON | _PROGRAMS | _WRITTEN | _IMAGES | _UNITS | _VIEWS
