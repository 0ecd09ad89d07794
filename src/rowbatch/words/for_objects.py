"""Object storage: addresses, keys, and what stores answer."""

from __future__ import annotations

from rowbatch.words.telling import Entry

OBJECTS: dict[str, Entry] = {
    "object-name": Entry(
        "{name!r} cannot be the name of an object",
        "name it as a path of at most 1,024 bytes with / between its parts, without empty parts, . and ..",
        zh=("{name!r} 不能用作对象名称", "名称应为最多 1,024 字节、以 / 分隔的路径，不含空的部分、. 和 .."),
    ),
    "objects-need-extra": Entry(
        "{address} is on object storage, and what reads that is not installed",
        "pip install 'rowbatch[objects]'",
        page="have the extra “objects” installed, or use a file on this computer",
        zh=(
            "{address} 位于对象存储上，但尚未安装读取它的组件",
            "请安装附加组件 “objects”，或使用本机上的文件",
        ),
    ),
    "store-address": Entry(
        "{address} is no address on object storage",
        "write it as s3://BUCKET/NAME; Google's begin with gs://, Azure's with az://",
        zh=(
            "{address} 不是对象存储的地址",
            "请写成 s3://存储桶/名称；Google 的以 gs:// 开头，Azure 的以 az:// 开头",
        ),
    ),
    "store-in-clear": Entry(
        "{place}={address} is not encrypted, and not on this computer: keys and data could be read on the way",
        "use https://; or, in a network that you trust, set AWS_ALLOW_HTTP=true",
        zh=(
            "{place}={address} 未加密，也不在本机上：密钥和数据可能在途中被读取",
            "请使用 https://；若网络可信，可设置 AWS_ALLOW_HTTP=true",
        ),
    ),
    "store-profile-missing": Entry(
        "the files of AWS have no profile {profile!r}",
        "check AWS_PROFILE, and the files credentials and config in .aws",
        zh=(
            "AWS 的文件中没有名为 {profile!r} 的配置",
            "请检查 AWS_PROFILE，以及 .aws 中的 credentials 和 config 文件",
        ),
    ),
    "store-profile-broken": Entry(
        "{path} cannot be read as a file of AWS's settings",
        "mend it; it is not shown here, since keys may be in it",
        zh=("无法将 {path} 作为 AWS 的设置文件读取", "请修正它；其中可能有密钥，因此这里不显示"),
    ),
    "store-profile-asks": Entry(
        "the profile {profile!r} has no key in it, but names a way to ask for one, which is not taken here",
        'have the programs of AWS ask: eval "$(aws configure export-credentials --profile {profile} --format env)"',
        page="have the programs of AWS ask for one, and start the program with it in its environment",
        zh=(
            "配置 {profile!r} 中没有密钥，只写明了获取密钥的方式，而本程序不支持这种方式",
            "请用 AWS 的程序获取密钥，并在环境中带上它再启动本程序",
        ),
    ),
    "store-no-key": Entry(
        "there is no key for {store}",
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; for gs:// GOOGLE_APPLICATION_CREDENTIALS, "
        "for az:// AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY; for what all may read AWS_SKIP_SIGNATURE=true",
        zh=(
            "没有用于 {store} 的密钥",
            "请设置 AWS_ACCESS_KEY_ID 和 AWS_SECRET_ACCESS_KEY，或 AWS_PROFILE；gs:// 用 GOOGLE_APPLICATION_CREDENTIALS，"
            "az:// 用 AZURE_STORAGE_ACCOUNT_NAME 和 AZURE_STORAGE_ACCOUNT_KEY；公开的数据用 AWS_SKIP_SIGNATURE=true",
        ),
    ),
    "store-no-bucket": Entry(
        "there is no such bucket: {store}",
        "check its name, and the endpoint (AWS_ENDPOINT_URL); none is made by itself",
        zh=("没有这个存储桶：{store}", "请检查名称和端点（AWS_ENDPOINT_URL）；本程序不会自行创建存储桶"),
    ),
    "object-missing": Entry(
        "{object} does not exist",
        "check the name; capitals and blanks count",
        zh=("{object} 不存在", "请检查名称；大小写和空格都有区别"),
    ),
    "object-not-here": Entry(
        "{object} is on object storage, which is not taken here",
        "tables, results and outputs of run, convert, extract, collect, check and estimate may lie there; use a file here, and copy it",
        page="copy it to this computer first",
        zh=("{object} 位于对象存储上，这里不支持", "请先将它复制到本机"),
    ),
    "run-on-object-storage": Entry(
        "a run cannot lie on object storage: {address}",
        "what was paid for is kept on a disk, in a folder; the table, the output (-o) and tasks for many machines may lie there",
        page="name a folder on this computer",
        zh=("运行目录不能位于对象存储上：{address}", "请指定本机上的文件夹"),
    ),
    "object-and-folder": Entry(
        "{object} is an object and a folder of others, too: no disk can have both",
        "name its folder, or copy the objects that are the table to a folder of their own",
        zh=(
            "{object} 既是一个对象，又是其他对象的文件夹：磁盘上无法同时存在两者",
            "请指定其所在文件夹，或将组成表格的对象复制到单独的文件夹",
        ),
    ),
    "output-in-table": Entry(
        "{output} would lie in {table}, and be a part of the table from then on",
        "name another place for the output",
        zh=("{output} 将位于 {table} 中，从而成为表格的一部分", "请为输出指定其他位置"),
    ),
    "object-changed": Entry(
        "{path} was replaced by another file while it was read",
        "run it again when nobody writes to it any more",
        zh=("{path} 在读取过程中被另一个文件替换了", "请在无人再写入时重试"),
    ),
    "store-key-wrong": Entry(
        "the store does not know the key, or it does not fit: {path}",
        "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the profile, and whether the key is of this store",
        zh=(
            "存储不认识该密钥，或密钥不匹配：{path}",
            "请检查 AWS_ACCESS_KEY_ID 和 AWS_SECRET_ACCESS_KEY、配置，以及密钥是否属于该存储",
        ),
    ),
    "store-key-expired": Entry(
        "the key for {path} has expired",
        "get a new one, and run the same command again; what was written is kept",
        page="get a new one, start the program with it, and try again; what was written is kept",
        zh=("用于 {path} 的密钥已过期", "请获取新的密钥，带上它启动程序后重试；已写入的内容不会丢失"),
    ),
    "store-clock": Entry(
        "the clock of this computer is wrong: the store refuses what is signed with its time ({path})",
        "set the clock, and try again",
        zh=("本机时钟不准：存储拒绝以该时间签名的请求（{path}）", "请校准时钟后重试"),
    ),
    "store-region": Entry(
        "{path} is in another region",
        "set AWS_REGION to that of the bucket",
        zh=("{path} 位于另一个区域", "请将 AWS_REGION 设为该存储桶的区域"),
    ),
    "store-refused": Entry(
        "the key has no right to do this with {path}",
        "it needs to list, read, write and delete there: s3:ListBucket, s3:GetObject, s3:PutObject, s3:DeleteObject",
        zh=(
            "该密钥无权对 {path} 进行此操作",
            "它需要列出、读取、写入和删除的权限：s3:ListBucket、s3:GetObject、s3:PutObject、s3:DeleteObject",
        ),
    ),
    "store-no-answer": Entry(
        "the store does not answer: {path}",
        "check the network and the endpoint (AWS_ENDPOINT_URL), and run it again; what was written is kept",
        zh=("存储没有应答：{path}", "请检查网络和端点（AWS_ENDPOINT_URL）后重试；已写入的内容不会丢失"),
    ),
    "store-busy": Entry(
        "the store is too busy, or fails: {path}",
        "wait a little, and run it again; what was written is kept",
        zh=("存储过于繁忙或出现故障：{path}", "请稍后重试；已写入的内容不会丢失"),
    ),
    "store-full": Entry(
        "the store takes no more: {path} ({code})",
        "make room in it, or have its limit raised, and run it again; what was written is kept",
        zh=("存储无法接收更多内容：{path}（{code}）", "请腾出空间或提高限额后重试；已写入的内容不会丢失"),
    ),
    "store-refuses": Entry(
        "the store did not do it: {path}: {said}",
        "look this word up in the manual of the store",
        zh=("存储未完成操作：{path}：{said}", "请在存储的手册中查找这个说明"),
    ),
    "store-odd-names": Entry(
        "within {path} there are names that cannot be told apart safely, with empty parts, . or .. in them",
        "use a prefix of its own, where nobody else writes",
        zh=("{path} 中有含空的部分、. 或 .. 的名称，无法安全区分", "请使用一个只有本程序写入的前缀"),
    ),
    "store-no-condition": Entry(
        "{path}: the store lets a second writer replace what a first one wrote, though it was asked not to "
        "(If-None-Match), so two programs could undo each other's work",
        "use a newer version of it, a bucket that keeps no earlier versions, or another store; a folder on a shared disk does as well",
        zh=(
            "{path}：尽管要求不覆盖（If-None-Match），该存储仍允许后写者替换先写者的内容，因此两个程序可能互相破坏",
            "请使用它的新版本、不保留旧版本的存储桶或别的存储；共享磁盘上的文件夹也可以",
        ),
    ),
    "store-after-fork": Entry(
        "{store} cannot be asked in a process that was forked from one that asked a store before",
        'start processes anew: multiprocessing.get_context("spawn")',
        page="start the program again",
        zh=("无法在由已访问过存储的进程分叉（fork）出的进程中访问 {store}", "请重新启动程序"),
    ),
    "store-claimed": Entry(
        "another program is writing {path}, or was stopped while it did (computer and process: {by})",
        "wait until it is done; if it does not run any more, delete {claim}",
        zh=(
            "另一个程序正在写入 {path}，或在写入时被中止（计算机和进程：{by}）",
            "请等它完成；如果它已不再运行，请删除 {claim}",
        ),
    ),
}
