"""What the launcher says, in the languages of the window; Penjing's own texts are not unpacked yet."""

import os

_TEXTS = {
    "title": ("Setting up Penjing", "正在设置盆景"),
    "first": (
        "The first start sets Penjing up in {folder}, by your pip settings.",
        "首次启动会按您的 pip 设置，在 {folder} 中设置盆景。",
    ),
    "size": (
        "Its libraries are downloaded once, about 0.6 GB (2.7 GB where pip has only the CUDA build of torch).",
        "程序库只下载一次，约 0.6 GB（若 pip 只有 torch 的 CUDA 版本，则为 2.7 GB）。",
    ),
    "creating": ("Creating the Python environment", "正在创建 Python 环境"),
    "cuda": (
        "pip is offered no CPU build of torch: its CUDA build is taken, 2.7 GB to download",
        "pip 没有 torch 的 CPU 版本：将使用 CUDA 版本，需下载 2.7 GB",
    ),
    "asking": ("Asking pip which builds there are", "正在询问 pip 有哪些版本"),
    "retrying": ("No answer from pip's index yet; it is asked again", "pip 的索引尚未应答；正在重试"),
    "downloading": ("Downloading {name}", "正在下载 {name}"),
    "taking": ("Taking {name}", "正在取用 {name}"),
    "installing": ("Installing {count} packages (a minute or two)", "正在安装 {count} 个软件包（一两分钟）"),
    "checking": ("Trying what was installed", "正在试运行已安装的内容"),
    "waiting": ("Another start is setting Penjing up; waiting for it", "另一次启动正在设置盆景；正在等待"),
    "done": ("Penjing is ready", "盆景已就绪"),
    "begin": ("Set Up", "设置"),
    "cancel": ("Cancel", "取消"),
    "close": ("Close", "关闭"),
    "retry": ("Try Again", "重试"),
    "failed": ("Penjing could not be set up", "无法设置盆景"),
    "interrupted": ("interrupted; the next start begins again", "已中断；下次启动会重新开始"),
    "ended": ("A step of the set-up ended with code {code}.", "设置的一个步骤以代码 {code} 结束。"),
    "disk": ("The folder cannot be written: {reason}.", "无法写入文件夹：{reason}。"),
    "where": (
        "Its place is {folder}; the variable PENJING_HOME names another.",
        "其位置是 {folder}；变量 PENJING_HOME 可指定另一个位置。",
    ),
    "room": ("Setting up needs {wanted} GB, and {free} GB are free.", "设置需要 {wanted} GB，可用 {free} GB。"),
    "room-hint": ("Make room on the disk.", "请腾出磁盘空间。"),
    "nothing": ("pip found no {name}.", "pip 找不到 {name}。"),
    "offline": (
        "Is there a network, and may pip reach its index? A mirror or a folder of wheels goes into pip's settings.",
        "网络是否可用，pip 能否访问其索引？镜像或 wheel 文件夹可写入 pip 的设置。",
    ),
    "library": (
        "A library of the system is missing: run “apt-get install --fix-broken” as root.",
        "缺少系统库：请以 root 身份运行“apt-get install --fix-broken”。",
    ),
    "again": ("Start Penjing again to try again.", "请再次启动盆景以重试。"),
    "log": ("All that was said: {path}", "全部输出：{path}"),
}


def text(key: str) -> str:
    """In the language of the person's locale."""
    return _TEXTS[key][_chinese()]


def _chinese() -> bool:
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value and value != "C" and not value.startswith("C."):
            return value.startswith("zh")
    return False
